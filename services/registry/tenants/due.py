"""The scheduler of state moves: any process may run what is due; each action happens once, at its own time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.due_rows import DueRows
from services.registry.tenants import lifecycle, store
from services.registry.tenants.model import Ladder, Story
from services.registry.tenants.store import queries


class DueActions(DueRows[Story]):
    """Of a tenant with something overdue, everything that is: each in its turn."""

    name = "due-actions"

    def __init__(
        self, database: Database, clock: Clock, ladder: Ladder, *, every: float = 1.0, batch: int = 200
    ) -> None:
        super().__init__(database, clock, every=every, batch=batch)
        self._ladder = ladder

    async def lock(self, tx: Tx, now: datetime, most: int) -> Sequence[Story]:
        return await store.lock_stories_due(tx, now, most, self._ladder)

    async def do(self, tx: Tx, due: Sequence[Story], now: datetime) -> int:
        for story in due:
            story.catch_up(now)
        await lifecycle.record(tx, due, now)
        await lifecycle.erase_deleted(tx, due)
        return sum(step.due is not None for story in due for step in story.steps)

    def key_of(self, row: Story) -> dict[str, Any]:
        return {"tenant_id": row.tenant.tenant_id}

    async def put_off(self, tx: Tx, key: Mapping[str, Any], now: datetime, error: str) -> None:
        await queries.postpone_actions(tx, **key, now=now, error=error)
