"""Changes of a tenant over HTTP: its story is locked and told up to now first."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.etags import require_match
from services.registry.changes import Changes
from services.registry.entitlements import operations as entitlements
from services.registry.tenants import operations as tenants
from services.registry.tenants import store
from services.registry.tenants.model import Ladder, Story, Tenant, allowed_triggers

SHOWN = (
    "slug", "name", "kind", "status", "plan", "locale", "time_zone", "org_id", "ent_v", "row_version", "trial_ends_at",
    "contract_start", "contract_end", "frozen_reason", "frozen_at", "archived_at", "cancel_at", "cancel_reason",
    "held_until",
)  # fmt: skip


def tenant_out(tenant: Tenant, products: list[str]) -> dict[str, Any]:
    """A tenant as callers see it."""
    return {
        "tenant_id": str(tenant.tenant_id),
        **{name: getattr(tenant, name) for name in SHOWN},
        "products": products,
        "allowed_transitions": sorted(allowed_triggers(tenant)),
    }


async def shown(tx: ReadTx, tenant_id: UUID, now: datetime) -> dict[str, Any]:
    tenant = await store.tenant(tx, tenant_id)
    return tenant_out(tenant, await entitlements.keys_of(tx, tenant, now))


class TenantChanges:
    """One change of a tenant: its story locked, its version checked, its new state answered."""

    def __init__(self, database: Database, clock: Clock, ladder: Ladder) -> None:
        self._changes = Changes(database, clock)
        self._ladder = ladder

    async def make(
        self,
        request: Request,
        principal: str,
        tenant_id: UUID,
        change: Callable[[Tx, Story, datetime], Awaitable[Tenant]],
        *,
        status: int = 200,
    ) -> Response:
        """`change(tx, story, now)` runs once per Idempotency-Key; `If-Match` names the version it was meant for."""

        async def effect(tx: Tx, now: datetime) -> dict[str, Any]:
            story = await tenants.locked(tx, tenant_id, self._ladder, now)
            require_match(request, story.tenant.row_version)
            await change(tx, story, now)
            return await shown(tx, tenant_id, now)

        return await self._changes.make(request, principal, tenant_id, effect, status=status)
