"""HTTP in: properties of a tenant, for its IT admins and for operators."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Body, PropertyCode, Text, TimeZone
from services.registry.changes import Changes
from services.registry.properties import operations as properties
from services.registry.properties import store
from services.registry.properties.store import queries
from services.registry.tenants import operations as tenants
from services.registry.tenants import store as tenant_store
from services.registry.tenants.model import Ladder

Code = Annotated[str, Path(max_length=200)]


class PropertyIn(Body):
    """A property to be. `code` is the word that desktops and devices use for it; it never changes."""

    code: PropertyCode
    name: Text
    time_zone: TimeZone | None = None


class PropertyChangeIn(Body):
    """What is left out stays."""

    name: Text | None = None
    time_zone: TimeZone | None = None


def property_out(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "tenant_id": str(row["tenant_id"]), "property_id": str(row["property_id"])}


def router(
    database: Database, authenticate: Authenticate, clock: Clock, ladder: Ladder, page_tokens: PageTokens
) -> APIRouter:
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/properties", tags=["properties"])
    manager = needs(authenticate, Capability.MEMBER_MANAGE)
    add_changing(routes, Changes(database, clock), manager, ladder)
    add_removal(routes, database, manager, clock, ladder)
    add_reading(routes, database, needs(authenticate, Capability.MEMBER_READ), page_tokens)
    return routes


def add_changing(routes: APIRouter, changes: Changes, manager: Any, ladder: Ladder) -> None:
    @routes.post("", status_code=201)
    async def add(
        tenant_id: UUID, body: PropertyIn, request: Request, claims: Annotated[Claims, manager], key: Keyed
    ) -> Response:
        """Without a time zone it is in the tenant's."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            tenant = await tenants.lock_writable(tx, tenant_id, ladder, now)
            zone = body.time_zone or tenant.time_zone
            await properties.add(tx, tenant_id, body.code, body.name, zone, now)
            return property_out(await store.property_(tx, tenant_id, body.code))

        location = f"/v1/tenants/{tenant_id}/properties/{body.code}"
        return await changes.make(request, claims.sub, tenant_id, change, status=201, location=location)

    @routes.patch("/{code}")
    async def change(
        tenant_id: UUID,
        code: Code,
        body: PropertyChangeIn,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Its name or its time zone; what is left out stays, and the code always does."""

        async def apply(tx: Tx, now: datetime) -> dict[str, Any]:
            await tenants.lock_writable(tx, tenant_id, ladder, now)
            row = await store.property_(tx, tenant_id, code)
            require_match(request, row["row_version"])
            await properties.change(tx, row, body.name, body.time_zone)
            return property_out(await store.property_(tx, tenant_id, code))

        return await changes.make(request, claims.sub, tenant_id, apply)


def add_removal(routes: APIRouter, database: Database, manager: Any, clock: Clock, ladder: Ladder) -> None:
    @routes.delete("/{code}", status_code=204)
    async def remove(
        tenant_id: UUID,
        code: Code,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Refused while members work there or devices stand there."""
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                await tenants.lock_writable(tx, tenant_id, ladder, clock.now())
                row = await store.property_(tx, tenant_id, code)
                require_match(request, row["row_version"])
                await properties.remove(tx, row)
                return 204, None

            return await once(request, tx, clock, claims.sub, tenant_id, effect)


def add_reading(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("")
    async def find(tenant_id: UUID, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """By code."""
        scope = {"list": "properties", "tenant_id": str(tenant_id)}
        page = page_tokens.open(asked, scope, "code")
        async with database.reading(tenant_id) as tx:
            await tenant_store.tenant(tx, tenant_id)
            found = await rows(
                queries.properties_page(tx, tenant_id=tenant_id, after=page.after["code"], most=page.most)
            )
        return page.answer("properties", [property_out(row) for row in found])

    @routes.get("/{code}")
    async def show(
        tenant_id: UUID, code: Code, response: Response, claims: Annotated[Claims, reader]
    ) -> dict[str, Any]:
        """One property, by its code."""
        async with database.reading(tenant_id) as tx:
            found = property_out(await store.property_(tx, tenant_id, code))
        response.headers["ETag"] = etag_of(found["row_version"])
        return found
