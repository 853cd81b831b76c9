"""A desk session under a clock that the test moves, without a process of the bff."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import orjson

from chassis.clock import ManualClock
from chassis.db import Database, Tx
from chassis.dpop import Proof
from chassis.ids import uuid7
from contracts.bff import SessionClosedV1
from contracts.claims import Claims
from services.bff.directory import Scope
from services.bff.door import Guest
from services.bff.sessions import operations as sessions
from services.bff.sessions.limits import SessionLimits
from tests.integration.bff.limits_worker import LIMITS

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Hotel:
    """One desk and the part that closes its session, under a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(BEGAN)
        self.part = SessionLimits(database, self.clock, LIMITS)
        claims = Claims("m1", "t", frozenset({"bff"}), 2**40, tenant_id=uuid7())
        assert claims.tenant_id is not None
        self.guest = Guest(
            claims, claims.tenant_id, uuid7(), "m1", Scope(frozenset({"h"}), frozenset()), Proof("k", "j", 0)
        )

    async def open(self) -> UUID:
        asked = SimpleNamespace(property="h", app_version="1", os="os")
        async with self.database.transaction(self.guest.tenant_id) as tx:
            found = await sessions.open_session(tx, self.guest, asked, self.clock.now(), LIMITS)
        return found.session_id

    async def beat(self, session_id: UUID) -> None:
        async with self.database.transaction(self.guest.tenant_id) as tx:
            await self.beat_in(tx, session_id)

    async def beat_in(self, tx: Tx, session_id: UUID) -> None:
        asked = SimpleNamespace(
            app_version="1", queue_depth=0, oldest_queued=None, clock_offset=0, cursor=None
        )
        await sessions.beat(tx, self.guest, session_id, asked, None, LIMITS, self.clock.now())

    async def pass_time(self, by: timedelta) -> list[tuple[str, str]]:
        """(session, reason) of all that was said to be closed, after so long."""
        self.clock.advance(by)
        while await self.part.run_due():
            pass
        async with self.database.platform_reading() as tx:
            found = await tx.fetch(
                "select payload from outbox where subject = $1 order by id", SessionClosedV1.type
            )
        bodies = [orjson.loads(row["payload"]) for row in found]
        return [(body["session_id"], body["reason"]) for body in bodies]
