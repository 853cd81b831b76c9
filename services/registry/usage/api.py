"""HTTP in: products report what was used; who may reads the series."""

from datetime import UTC, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from chassis.auth import Authenticate, require_product
from chassis.clock import Clock
from chassis.db import Database
from chassis.fields import Instant, Whole
from chassis.guards import needs
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.roles import PRODUCT_PREFIX
from services.registry.bodies import Body, Key, ProjectId
from services.registry.usage import operations as usage

MOST = 1_000_000_000_000


class ItemIn(Body):
    """So much of one metric."""

    project: ProjectId = "default"
    metric: Key
    quantity: Annotated[Whole, Field(ge=0, le=MOST)]
    at: Instant


class BatchIn(Body):
    """What one tenant used; the same `batch_id` counts once, however often it is sent."""

    batch_id: UUID
    tenant_id: UUID
    items: Annotated[list[ItemIn], Field(min_length=1, max_length=1000)]


def router(database: Database, authenticate: Authenticate, clock: Clock) -> APIRouter:
    """A product reports for itself only: which product it is says its token."""
    routes = APIRouter(tags=["usage"])
    product = require_product(authenticate)
    reader = needs(authenticate, Capability.USAGE_READ)

    @routes.post("/internal/usage")
    async def report(
        body: BatchIn, caller: Annotated[Claims, product]
    ) -> dict[str, Literal["counted", "duplicate"]]:
        """Carries an identity of its own, `batch_id`, so no Idempotency-Key is asked for."""
        name = (caller.service or "").removeprefix(PRODUCT_PREFIX)
        used = [
            usage.Used(item.project, item.metric, item.at.astimezone(UTC).date(), item.quantity)
            for item in body.items
        ]
        async with database.transaction(body.tenant_id) as tx:
            is_new = await usage.count(tx, body.tenant_id, name, body.batch_id, used, clock.now())
        return {"outcome": "counted" if is_new else "duplicate"}

    @routes.get("/v1/tenants/{tenant_id}/usage")
    async def show(
        tenant_id: UUID,
        claims: Annotated[Claims, reader],
        product: Key | None = None,
        days: Annotated[int, Query(ge=1, le=90)] = 30,
    ) -> dict[str, Any]:
        """Daily totals of the last days (UTC), today included."""
        today = clock.now().date()
        async with database.reading(tenant_id) as tx:
            found = await usage.series(tx, tenant_id, product, today - timedelta(days=days))
        return {"tenant_id": str(tenant_id), "until": today, "days": days, "usage": found}

    return routes
