"""HTTP in, for operators: flags of the platform, and of a tenant where `tenant_id` names one."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.guards import needs
from chassis.idempotency import Keyed
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Body, Reason
from services.registry.changes import Changes
from services.registry.flags import operations as flags
from services.registry.flags.store import queries


class FlagIn(Body):
    """A value of the flag's kind; it is looked at by the flag's declaration."""

    value: Annotated[
        Any, Field(description="true or false, a string, or a whole number", examples=[True, "standard", 2])
    ]
    reason: Reason


def router(
    database: Database, authenticate: Authenticate, clock: Clock, page_tokens: PageTokens
) -> APIRouter:
    """Reading for operators and support, changing for operators only."""
    routes = APIRouter(prefix="/v1/flags", tags=["flags"])
    admin = needs(authenticate, Capability.PLATFORM_FLAG_MANAGE)
    reader = needs(authenticate, Capability.PLATFORM_FLAG_READ)
    add_changing(routes, Changes(database, clock), admin)
    add_reading(routes, database, reader)
    add_lists(routes, database, reader, page_tokens)
    return routes


def add_changing(routes: APIRouter, changes: Changes, admin: Any) -> None:
    @routes.put("/{name}")
    async def set_flag(
        name: str,
        body: FlagIn,
        request: Request,
        claims: Annotated[Claims, admin],
        key: Keyed,
        match: IfMatch,
        tenant_id: UUID | None = None,
    ) -> Response:
        """Set it; in force everywhere within a second. The ETag of a flag that was never set is `"0"`."""
        flags.refuse_wrong(flags.declared(name), body.value)

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            require_match(request, await flags.lock(tx, name, tenant_id, now))
            await flags.change(tx, name, tenant_id, body.value, body.reason, now)
            return await flags.show(tx, name, tenant_id)

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.delete("/{name}")
    async def clear_flag(
        name: str,
        reason: Annotated[Reason, Query()],
        request: Request,
        claims: Annotated[Claims, admin],
        key: Keyed,
        match: IfMatch,
        tenant_id: UUID | None = None,
    ) -> Response:
        """Clear it: a tenant follows the platform again, the platform the default."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            require_match(request, await flags.lock(tx, name, tenant_id, now))
            await flags.change(tx, name, tenant_id, None, reason, now)
            return await flags.show(tx, name, tenant_id)

        return await changes.make(request, claims.sub, tenant_id, change)


def add_reading(routes: APIRouter, database: Database, reader: Any) -> None:
    @routes.get("")
    async def find(claims: Annotated[Claims, reader], tenant_id: UUID | None = None) -> dict[str, Any]:
        """All declared flags and what is in force."""
        async with database.reading(tenant_id) as tx:
            return {"flags": await flags.show_all(tx, tenant_id)}

    @routes.get("/{name}")
    async def show(
        name: str, response: Response, claims: Annotated[Claims, reader], tenant_id: UUID | None = None
    ) -> dict[str, Any]:
        """One flag and what is in force; its ETag goes with a change."""
        async with database.reading(tenant_id) as tx:
            found = await flags.show(tx, name, tenant_id)
        response.headers["ETag"] = etag_of(found["row_version"])
        return found


def add_lists(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("/{name}/history")
    async def history(
        name: str, claims: Annotated[Claims, reader], asked: Paged, tenant_id: UUID | None = None
    ) -> dict[str, Any]:
        """Who changed it to what, when and why; newest first."""
        scope = {"list": "flag_history", "name": name, "tenant_id": str(tenant_id)}
        page = page_tokens.open(asked, scope, "row_version")
        async with database.reading(tenant_id) as tx:
            await flags.in_scope(tx, flags.declared(name), tenant_id)
            found = await rows(
                queries.flag_history(
                    tx, name=name, tenant_id=tenant_id, before=page.after["row_version"], most=page.most
                )
            )
        return page.answer("changes", found)

    @routes.get("/{name}/overrides")
    async def overrides(name: str, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """The tenants that have a value of their own."""
        flags.declared(name)
        scope = {"list": "flag_overrides", "name": name}
        page = page_tokens.open(asked, scope, "tenant_id")
        async with database.platform_reading() as tx:
            found = await rows(
                queries.flag_overrides(tx, name=name, after=page.after["tenant_id"], most=page.most)
            )
        listed = [{**row, "tenant_id": str(row["tenant_id"])} for row in found]
        return page.answer("overrides", listed)
