"""Tells the identity provider what tokens must say of a tenant, after the commit and until it has heard."""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.errors import Transient
from services.registry.entitlements import operations
from services.registry.entitlements.store import queries
from services.registry.identity import IdentityProvider
from services.registry.tenants import store

log = structlog.get_logger(__name__)
BATCH = 100
LONGEST_WAIT = timedelta(minutes=5)


class ClaimsPusher:
    """A background part; the same push made twice changes nothing."""

    name = "claims-push"

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
                log.warning("claims_push.waiting", error=str(error))
            await asyncio.sleep(self._every)

    async def push_due(self) -> None:
        async with self._database.platform_reading() as tx:
            due = await rows(queries.due_pushes(tx, now=self._clock.now(), most=BATCH))
        for row in due:
            try:
                await self._push(row["tenant_id"])
            except Transient as error:
                wait = min(timedelta(seconds=2 ** row["attempts"]), LONGEST_WAIT)
                async with self._database.worker() as tx:
                    await queries.push_failed(
                        tx,
                        tenant_id=row["tenant_id"],
                        due_at=self._clock.now() + wait,
                        error=str(error)[:500],
                    )
            else:
                async with self._database.worker() as tx:
                    await queries.pushed(tx, tenant_id=row["tenant_id"], due_at=row["due_at"])

    async def _push(self, tenant_id: UUID) -> None:
        async with self._database.platform_reading() as tx:
            tenant = await store.tenant(tx, tenant_id)
            products = await operations.keys_of(tx, tenant, self._clock.now())
        attributes = {
            "tenant_id": [str(tenant_id)],
            "plan": [tenant.plan],
            "tenant_status": [tenant.status],
            "ent_v": [str(tenant.ent_v)],
            "products": products,
        }
        await self._identity.set_attributes(tenant.org_id, attributes)
