"""A tenant's life under a moved clock, from the registry's tables over the bus into the audit log."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chassis.context import use_origin
from services.registry.tenants.timeline import timeline
from tests.infra import eventually
from tests.integration.audit.stage import Log
from tests.integration.registry.life import BEGAN, DAY, LADDER, Life

OPERATOR = "operator-1"
Deed = Callable[[Life, UUID], Awaitable[Any]]
Step = tuple[float, str, str]
"""(day, what happens by itself, status after it)"""


def on(day: float) -> str:
    """The instant so many days after the beginning, as events write it."""
    return (BEGAN + day * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Chronicle:
    """A tenant, what its timeline says will happen, and what did."""

    life: Life
    log: Log
    tenant_id: UUID
    happened: list[Step] = field(default_factory=list)

    async def lives(self, until: float, deeds: dict[float, Deed] | None = None) -> None:
        """Each deed on its day; between them nobody does anything, and what happens is what the timeline said before."""
        deeds = deeds or {}
        for day in [*sorted(deeds), until]:
            foretold = await self._foretold()
            await self._days_until(day, [step for step in foretold if step[0] <= day])
            if deed := deeds.get(day):
                with use_origin(actor_id=OPERATOR, actor_type="user"):
                    await deed(self.life, self.tenant_id)

    async def _days_until(self, day: float, foretold: list[Step]) -> None:
        """Asserts on every day that the scheduler did what was foretold for it, and nothing else."""
        while (today := (self.life.clock.now() - BEGAN) / DAY) < day:
            self.life.clock.advance(min(1, day - today) * DAY)
            now = (self.life.clock.now() - BEGAN) / DAY
            is_due = [step for step in foretold if today < step[0] <= now]
            assert await self.life.run_due() == len(is_due)
            self.happened += is_due
            if is_due:
                assert (await self.life.status(self.tenant_id) or "deleted") == is_due[-1][2]
            if await self.life.status(self.tenant_id):
                assert await self.life.done(self.tenant_id) == [
                    (at, action) for at, action, _ in self.happened
                ]

    async def _foretold(self) -> list[Step]:
        async with self.life.database.reading(self.tenant_id) as tx:
            told = (await timeline(tx, self.tenant_id, LADDER))["future"]
        return [((step["at"] - BEGAN) / DAY, step["action"], step["status_after"]) for step in told]

    async def recorded(self, count: int) -> list[dict[str, Any]]:
        """The statements of the tenant's audit log, when there are so many."""
        found: list[dict[str, Any]] = []

        async def are_there() -> bool:
            found[:] = [json.loads(entry) for entry in await self.log.entries(self.tenant_id)]
            return len(found) >= count

        await eventually(are_there, what=f"{count} records")
        return found
