"""HTTP in: a tenant's legal holds, for its lawyers, its IT admins and operators."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.fields import Instant
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.keeping.holds import operations as holds


class HoldIn(BaseModel):
    """What is held, and why. Without a range: every record, also those to come. Times are of receipt."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    received_from: Instant | None = None
    received_to: Instant | None = None
    subject: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The one person whose data is held; without it everybody's."""
    until: Instant | None = None
    """When it ends by itself; without it somebody has to release it."""


def hold_out(row: dict[str, Any]) -> dict[str, Any]:
    times = ("received_from", "received_to", "placed_at", "until", "released_at")
    shown = {name: row[name].isoformat() if row[name] else None for name in times}
    return {**row, "hold_id": str(row["hold_id"]), **shown}


def router(database: Database, authenticate: Authenticate, clock: Clock, tokens: PageTokens) -> APIRouter:
    """Placing and releasing are records; nothing is deleted."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/audit/holds", tags=["audit"])
    reader = needs(authenticate, Capability.AUDIT_READ)
    manager = needs(authenticate, Capability.AUDIT_MANAGE)

    @routes.post("", status_code=201)
    async def place(
        tenant_id: UUID, body: HoldIn, request: Request, claims: Annotated[Claims, manager], key: Keyed
    ) -> Response:
        """Place a legal hold: what it covers is neither erased nor dropped, whatever its age, until it ends."""
        async with database.worker() as tx:

            async def effect() -> tuple[int, Any]:
                hold = holds.Hold(**body.model_dump())
                return 201, hold_out(await holds.place(tx, tenant_id, hold, claims.sub, clock.now()))

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    @routes.get("")
    async def listed(tenant_id: UUID, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """All holds of the tenant, released ones included, the newest first."""
        listing = tokens.open(asked, {"list": "holds", "tenant": tenant_id}, "placed_at", "hold_id")
        after = listing.after
        async with database.reading(tenant_id) as tx:
            found = await rows(
                holds.queries.listed(
                    tx,
                    tenant_id=tenant_id,
                    after_placed_at=after["placed_at"] and datetime.fromisoformat(after["placed_at"]),
                    after_hold_id=after["hold_id"] and UUID(after["hold_id"]),
                    most=listing.most,
                )
            )
        return listing.answer("holds", [hold_out(row) for row in found])

    @routes.get("/{hold_id}")
    async def show(tenant_id: UUID, hold_id: UUID, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """One hold: what it covers, who placed it and why, whether it was released."""
        async with database.reading(tenant_id) as tx:
            return hold_out(await holds.one(tx, tenant_id, hold_id))

    @routes.delete("/{hold_id}")
    async def release(
        tenant_id: UUID,
        hold_id: UUID,
        reason: Annotated[str, Query(min_length=1, max_length=1000)],
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
    ) -> Response:
        """Release a hold, with the reason; it stays in the list. What it kept follows the ordinary rules again."""
        async with database.worker() as tx:

            async def effect() -> tuple[int, Any]:
                found = await holds.release(tx, tenant_id, hold_id, reason, claims.sub, clock.now())
                return 200, hold_out(found)

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    return routes
