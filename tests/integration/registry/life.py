"""Tenants in a real database, and what was said and done about them."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from chassis.clock import ManualClock
from chassis.db import Database, Tx
from services.registry.projects import operations as projects
from services.registry.tenants import operations as tenants
from services.registry.tenants.due import DueActions
from services.registry.tenants.model import Ladder, Purchase, Story, Trigger

BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LADDER = Ladder()
PURCHASE = Purchase("professional", ("ai_console", "notetaker"), BEGAN.date(), None)


@dataclass
class Life:
    """One registry with a clock that the test moves."""

    database: Database
    admin: asyncpg.Connection
    clock: ManualClock

    def scheduler(self, batch: int = 50) -> DueActions:
        return DueActions(self.database, self.clock, LADDER, batch=batch)

    async def run_due(self) -> int:
        """Until nothing is due; how many actions were done."""
        scheduler, done = self.scheduler(), 0
        while found := await scheduler.run_due():
            done += found
        return done

    async def new_project(self, tenant_id: UUID, *project_ids: str) -> None:
        async with self.database.transaction(tenant_id) as tx:
            for project_id in project_ids:
                await projects.create(tx, tenant_id, project_id, project_id.title(), self.clock.now())

    async def new_trial(self) -> UUID:
        tenant_id = uuid.uuid4()
        asked = tenants.NewTenant(f"t-{tenant_id.hex[:12]}", "Acme", "real", "en", "Europe/Berlin", None)
        async with self.database.transaction(tenant_id) as tx:
            await tenants.start_trial(
                tx, tenant_id, asked, str(tenant_id), f"org-{tenant_id}", self.clock.now(), LADDER
            )
        return tenant_id

    async def change(self, tenant_id: UUID, change: Any) -> Any:
        """`change(tx, story, now)` as a request does it: locked, caught up, in one transaction."""
        async with self.database.transaction(tenant_id) as tx:
            story = await tenants.locked(tx, tenant_id, LADDER, self.clock.now())
            return await change(tx, story, self.clock.now())

    async def buy(self, tenant_id: UUID, trigger: Any, purchase: Purchase = PURCHASE) -> None:
        async def change(tx: Tx, story: Story, now: datetime) -> None:
            await tenants.buy(tx, story, trigger, purchase, "REF-1", now)

        await self.change(tenant_id, change)

    async def freeze(self, tenant_id: UUID) -> None:
        async def change(tx: Tx, story: Story, now: datetime) -> None:
            await tenants.move(tx, story, Trigger.NON_PAYMENT, "INV-1", now)

        await self.change(tenant_id, change)

    async def status(self, tenant_id: UUID) -> str | None:
        found: str | None = await self.admin.fetchval(
            "select status from registry.tenant where tenant_id = $1", tenant_id
        )
        return found

    async def moves(self, tenant_id: UUID) -> list[tuple[Any, ...]]:
        """(days since the beginning, from, to, reason)."""
        rows = await self.admin.fetch(
            "select * from registry.tenant_move where tenant_id = $1 order by version", tenant_id
        )
        return [
            ((row["moved_at"] - BEGAN) / DAY, row["came_from"], row["went_to"], row["reason"]) for row in rows
        ]

    async def done(self, tenant_id: UUID) -> list[tuple[float, str]]:
        """Automatic actions that were done: (day, action)."""
        rows = await self.admin.fetch(
            "select action, due_at from registry.due_action where tenant_id = $1 and done_at is not null"
            " order by due_at",
            tenant_id,
        )
        return [((row["due_at"] - BEGAN) / DAY, row["action"]) for row in rows]

    async def said(self, tenant_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Events in the outbox, in order: (noun and verb, data)."""
        rows = await self.admin.fetch(
            "select subject, payload from registry.outbox where tenant_id = $1 order by id", tenant_id
        )
        return [
            (row["subject"].removeprefix("registry.").removesuffix(".v1"), orjson.loads(row["payload"]))
            for row in rows
        ]

    async def verbs(self, tenant_id: UUID) -> list[str]:
        return [verb for verb, _ in await self.said(tenant_id)]
