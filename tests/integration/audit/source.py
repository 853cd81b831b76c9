"""The registry as a source that lost messages on the way: real outbox, real relay, real replay."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import uuid7
from chassis.outbox import Lane
from chassis.pull import Delivery
from chassis.relay import Relay, RelaySettings, numbered_headers
from chassis.replay import ReplayResponder
from contracts.registry import TenantReactivatedV1
from contracts.subjects import source_of
from tests.infra import eventually

SOURCE = source_of("registry")
FAST = RelaySettings(poll=0.02, retry=0.05, heartbeat=3600)


@dataclass
class Source:
    """`begin` lets the relay choose the numbering; from then on the test publishes what it likes."""

    database: Database
    bus: Bus
    epoch: str = ""

    async def begin(self) -> None:
        """The relay leads once: its first heartbeat is number 1."""
        relay = Relay(self.database, self.bus, Lane("outbox", "REGISTRY"), SystemClock(), FAST)
        task = asyncio.create_task(relay.run())
        await eventually(lambda: relay.status().get("published", 0) >= 1, what="the first heartbeat")
        self.epoch = relay.status()["epoch"]
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def answer_replays(self) -> None:
        """Until then the source is silent."""
        await ReplayResponder(self.database, self.bus).register()

    async def say(self, tenant: UUID | None = None) -> UUID:
        """Commit an event; the answer is its id."""
        tenant = tenant or uuid7()
        event = TenantReactivatedV1(tenant_id=tenant, reactivated_at=SystemClock().now())
        async with self.database.transaction(tenant) as tx:
            return await outbox.add(tx, event, aggregate_version=1)

    async def number(self) -> list[Any]:
        """Give numbers to what was said, as the relay would; nothing is published."""
        async with self.database.worker() as tx:
            first = 1 + await tx.fetchval("select last_seq from outbox_relay")
            last = await tx.fetchval("select outbox_number(100)")
            return await tx.fetch("select * from outbox_numbered($1, $2, $3, 100)", self.epoch, first, last)

    async def publish(self, rows: list[Any]) -> None:
        for row in rows:
            headers = numbered_headers(row, self.epoch)
            await self.bus.js.publish(row["subject"], row["payload"], headers=headers)

    async def delivery(self, number: int) -> Delivery:
        """What a replay of this number would bring."""
        async with self.database.platform_reading() as tx:
            [row] = await tx.fetch("select * from outbox_numbered($1, $2, $2, 1)", self.epoch, number)
        return Delivery(numbered_headers(row, self.epoch), row["payload"])
