"""Tells the identity provider what tokens must say of a member, after the commit and until it has heard."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.errors import Transient
from services.registry.identity import IdentityProvider, MemberState
from services.registry.members.store import queries

log = structlog.get_logger(__name__)
BATCH = 100
LONGEST_WAIT = timedelta(minutes=5)


class MemberPusher:
    """A background part; the same push made twice changes nothing."""

    name = "member-push"

    def __init__(self, database: Database, identity: IdentityProvider, clock: Clock, *, every: float) -> None:
        self._database = database
        self._identity = identity
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        while True:
            try:
                await self.push_due()
            except Transient as error:
                log.warning("member_push.waiting", error=str(error))
            await asyncio.sleep(self._every)

    async def push_due(self) -> None:
        async with self._database.platform_reading() as tx:
            due = await rows(queries.due_pushes(tx, now=self._clock.now(), most=BATCH))
        for row in due:
            await self._push(row)

    async def _push(self, row: Mapping[str, Any]) -> None:
        who = {"tenant_id": row["tenant_id"], "member_id": row["member_id"]}
        state = MemberState(
            list(row["org_roles"]), list(row["backoffice_roles"]), list(row["properties"]), row["is_active"]
        )
        try:
            await self._identity.set_member(row["org_id"], row["member_id"], state)
        except Transient as error:
            wait = min(timedelta(seconds=2 ** min(row["attempts"], 12)), LONGEST_WAIT)
            async with self._database.worker() as tx:
                due_at = self._clock.now() + wait
                await queries.push_failed(tx, **who, due_at=due_at, error=str(error)[:500])
            return
        async with self._database.worker() as tx:
            await queries.pushed(tx, **who, due_at=row["due_at"])
            await queries.want_push_of_newer(tx, **who, row_version=row["row_version"], now=self._clock.now())
