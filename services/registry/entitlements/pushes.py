"""Tells the identity provider what tokens must say of a tenant."""

from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.db import Database
from services.registry.entitlements import operations
from services.registry.entitlements.store import queries
from services.registry.identity import IdentityProvider
from services.registry.pushing import Pusher
from services.registry.tenants import store


class ClaimsPusher(Pusher):
    """What is told is read at the moment of telling."""

    name = "claims-push"
    queries = queries
    key = ("tenant_id",)

    def __init__(self, database: Database, identity: IdentityProvider, clock: Clock, *, every: float) -> None:
        super().__init__(database, clock, every=every)
        self._identity = identity

    async def push(self, row: Mapping[str, Any]) -> None:
        async with self._database.platform_reading() as tx:
            tenant = await store.tenant(tx, row["tenant_id"])
            products = await operations.keys_of(tx, tenant, self._clock.now())
        attributes = {
            "tenant_id": [str(tenant.tenant_id)],
            "plan": [tenant.plan],
            "tenant_status": [tenant.status],
            "ent_v": [str(tenant.ent_v)],
            "products": products,
        }
        await self._identity.set_attributes(tenant.org_id, attributes)
