"""HTTP in, for operators: version floors of the platform, and of a tenant where `tenant_id` names one."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.fields import Instant
from chassis.guards import needs
from chassis.idempotency import Keyed
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Body, Reason
from services.registry.changes import Changes
from services.registry.floors import operations as floors
from services.registry.floors.model import Floor, Platform
from services.registry.floors.operations import Place
from services.registry.floors.store import queries

VersionText = Annotated[str, Field(min_length=1, max_length=64, examples=["4.12.0"])]
Channel = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{0,30}$")]


class FloorIn(Body):
    """Versions as semantic versions; without `effective_at` it is in force at once."""

    advise: VersionText | None = None
    enforce: VersionText | None = None
    latest: VersionText | None = None
    block: Annotated[tuple[VersionText, ...], Field(max_length=100)] = ()
    effective_at: Instant | None = None
    message: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    url: Annotated[str, Field(pattern=r"^https://[^\s]+$", max_length=500)] | None = None
    unknown: Literal["allow", "block"] = "allow"

    def floor(self, now: datetime) -> Floor:
        told = self.model_dump(exclude={"reason"})
        return Floor(**{**told, "effective_at": self.effective_at or now})


class ReasonedFloorIn(FloorIn):
    """A floor to be set, and why."""

    reason: Reason


def router(
    database: Database, authenticate: Authenticate, clock: Clock, page_tokens: PageTokens
) -> APIRouter:
    """Reading for operators and support, changing for operators only."""
    routes = APIRouter(prefix="/v1/version-floors", tags=["version floors"])
    admin = needs(authenticate, Capability.PLATFORM_FLAG_MANAGE)
    reader = needs(authenticate, Capability.PLATFORM_FLAG_READ)
    add_changing(routes, Changes(database, clock), admin)
    add_reading(routes, database, reader)
    add_preview(routes, database, clock, reader)
    add_history(routes, database, reader, page_tokens)
    return routes


def add_changing(routes: APIRouter, changes: Changes, admin: Any) -> None:
    @routes.put("/{platform}/{channel}")
    async def set_floor(
        platform: Platform,
        channel: Channel,
        body: ReasonedFloorIn,
        request: Request,
        claims: Annotated[Claims, admin],
        key: Keyed,
        match: IfMatch,
        tenant_id: UUID | None = None,
    ) -> Response:
        """Set it whole; see `preview` first. The ETag of a floor that was never set is `"0"`."""
        place = Place(platform, channel, tenant_id)

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            require_match(request, await floors.lock(tx, place, now))
            await floors.put(tx, place, body.floor(now), body.reason, now)
            return await floors.show(tx, place)

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.delete("/{platform}/{channel}")
    async def clear_floor(
        platform: Platform,
        channel: Channel,
        reason: Annotated[Reason, Query()],
        request: Request,
        claims: Annotated[Claims, admin],
        key: Keyed,
        match: IfMatch,
        tenant_id: UUID | None = None,
    ) -> Response:
        """Take it away at once: a tenant follows the platform's again."""
        place = Place(platform, channel, tenant_id)

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            require_match(request, await floors.lock(tx, place, now))
            await floors.clear(tx, place, reason, now)
            return await floors.show(tx, place)

        return await changes.make(request, claims.sub, tenant_id, change)


def add_reading(routes: APIRouter, database: Database, reader: Any) -> None:
    @routes.get("")
    async def find(claims: Annotated[Claims, reader], tenant_id: UUID | None = None) -> dict[str, Any]:
        """The floors in this scope; for a tenant with those of the platform that it follows."""
        async with database.reading(tenant_id) as tx:
            return {"floors": await floors.show_all(tx, tenant_id)}

    @routes.get("/{platform}/{channel}")
    async def show(
        platform: Platform,
        channel: Channel,
        response: Response,
        claims: Annotated[Claims, reader],
        tenant_id: UUID | None = None,
    ) -> dict[str, Any]:
        """One floor; its ETag goes with a change, also where none is set."""
        async with database.reading(tenant_id) as tx:
            found = await floors.show(tx, Place(platform, channel, tenant_id))
        response.headers["ETag"] = etag_of(found["row_version"])
        return found


def add_preview(routes: APIRouter, database: Database, clock: Clock, reader: Any) -> None:
    @routes.post("/{platform}/{channel}/preview")
    async def preview(
        platform: Platform,
        channel: Channel,
        body: FloorIn,
        claims: Annotated[Claims, reader],
        tenant_id: UUID | None = None,
    ) -> dict[str, Any]:
        """What setting it would change, and whom it could meet as far as the registry knows; changes nothing."""
        async with database.platform_reading() as tx:
            return await floors.preview(tx, Place(platform, channel, tenant_id), body.floor(clock.now()))


def add_history(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("/{platform}/{channel}/history")
    async def history(
        platform: Platform,
        channel: Channel,
        claims: Annotated[Claims, reader],
        asked: Paged,
        tenant_id: UUID | None = None,
    ) -> dict[str, Any]:
        """Who changed it to what, when and why; newest first."""
        told = {"platform": platform, "channel": channel, "tenant_id": tenant_id}
        scope = {"list": "floor_history", **told, "tenant_id": str(tenant_id)}
        page = page_tokens.open(asked, scope, "row_version")
        async with database.reading(tenant_id) as tx:
            await floors.in_scope(tx, Place(platform, channel, tenant_id))
            found = await rows(
                queries.floor_history(tx, **told, before=page.after["row_version"], most=page.most)
            )
        return page.answer("changes", found)
