"""HTTP in, for operators and the tenant's own IT admins; and for anybody who found a key."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.fields import Instant, Whole
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.api_keys import operations as keys
from services.registry.api_keys import store
from services.registry.api_keys.format import Mode
from services.registry.api_keys.peppers import Peppers
from services.registry.api_keys.store import queries
from services.registry.bodies import Body, ProjectId, Text
from services.registry.changes import Changes
from services.registry.settings import Settings
from services.registry.tenants import operations as tenants

Scope = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.:-]{0,63}$")]
SHOWN = (
    "key_id", "tenant_id", "name", "prefix", "last_four", "project_id", "scopes", "created_by", "created_at",
    "expires_at", "predecessor_id", "successor_id", "retires_at", "revoked_at", "revoked_by", "revoked_reason",
    "last_used_at", "row_version",
)  # fmt: skip


class KeyIn(Body):
    """A key to be. It opens one product, with these scopes."""

    name: Text
    mode: Mode = "live"
    project_id: ProjectId = "default"
    product: Text
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=50)]
    expires_at: Instant | None = None


class RotationIn(Body):
    """So long the old key goes on beside the new one; without `expires_at` the new one lives as long as the old was to."""

    overlap_hours: Annotated[Whole, Field(ge=0, le=8784)] = 24
    expires_at: Instant | None = None


def key_out(row: dict[str, Any]) -> dict[str, Any]:
    """A key as people see it: never the key, never its digest."""
    return {"product": row["product_key"], **{name: shown(row[name]) for name in SHOWN}}


def shown(value: Any) -> Any:
    """The same text whether the answer is stored, repeated or read."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


class Issuing:
    """Answers that hold a key. What is stored for a repeated request does not: the key is shown once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def make(
        self,
        request: Request,
        tenant_id: UUID,
        principal: str,
        change: Callable[[Tx, datetime], Awaitable[keys.Issued]],
    ) -> Response:
        headers: dict[str, str] = {}
        issued: list[tuple[keys.Issued, dict[str, Any]]] = []
        async with self._database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                new = await change(tx, self._clock.now())
                new_key = {**key_out(await store.key(tx, tenant_id, new.key_id)), "key": None}
                headers["ETag"] = etag_of(new_key["row_version"])
                headers["Location"] = f"/v1/tenants/{tenant_id}/api-keys/{new.key_id}"
                issued.append((new, new_key))
                return 201, new_key

            answer = await once(request, tx, self._clock, principal, tenant_id, effect, headers)
        if not issued:
            return answer
        new, new_key = issued[0]
        body = orjson.dumps({**new_key, "key": new.key})
        return Response(body, 201, {**headers, "Cache-Control": "no-store"}, "application/json")


def router(
    database: Database,
    authenticate: Authenticate,
    clock: Clock,
    settings: Settings,
    peppers: Peppers,
    page_tokens: PageTokens,
) -> APIRouter:
    """Keys of one tenant."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/api-keys", tags=["api-keys"])
    keeper = needs(authenticate, Capability.API_KEY_MANAGE)
    reader = needs(authenticate, Capability.API_KEY_READ)
    add_issuing(routes, Issuing(database, clock), keeper, settings, peppers)
    add_reading(routes, database, reader, page_tokens)
    add_revoking(routes, Changes(database, clock), keeper)
    return routes


def add_issuing(
    routes: APIRouter, issuing: Issuing, keeper: Any, settings: Settings, peppers: Peppers
) -> None:
    longest = timedelta(hours=settings.key_overlap_hours)

    @routes.post("", status_code=201)
    async def issue(
        tenant_id: UUID, body: KeyIn, request: Request, claims: Annotated[Claims, keeper], key: Keyed
    ) -> Response:
        """Answers the key once, in `key`; a repeated request is answered without it."""
        scopes = tuple(sorted(set(body.scopes)))
        asked = keys.NewKey(body.name, body.mode, body.project_id, body.product, scopes, body.expires_at)

        async def change(tx: Tx, now: datetime) -> keys.Issued:
            return await keys.issue(tx, tenant_id, asked, peppers, settings.ladder, now)

        return await issuing.make(request, tenant_id, claims.sub, change)

    @routes.post("/{key_id}/rotation", status_code=201)
    async def rotate(
        tenant_id: UUID,
        key_id: UUID,
        body: RotationIn,
        request: Request,
        claims: Annotated[Claims, keeper],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Answers the successor, once with its key. The old key goes on for the overlap, then it has expired."""

        async def change(tx: Tx, now: datetime) -> keys.Issued:
            await tenants.lock_writable(tx, tenant_id, settings.ladder, now)
            row = await store.lock_key(tx, tenant_id, key_id)
            require_match(request, row["row_version"])
            overlap = timedelta(hours=body.overlap_hours)
            return await keys.rotate(tx, row, overlap, longest, body.expires_at, peppers, now)

        return await issuing.make(request, tenant_id, claims.sub, change)


def add_reading(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("")
    async def find(tenant_id: UUID, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """Oldest first, those that have ended too."""
        scope = {"list": "api-keys", "tenant_id": str(tenant_id)}
        page = page_tokens.open(asked, scope, "key_id")
        async with database.reading(tenant_id) as tx:
            found = await rows(
                queries.keys_page(tx, tenant_id=tenant_id, after=page.after["key_id"], most=page.most)
            )
        return page.answer("api_keys", [key_out(row) for row in found])

    @routes.get("/{key_id}")
    async def show(
        tenant_id: UUID, key_id: UUID, response: Response, claims: Annotated[Claims, reader]
    ) -> dict[str, Any]:
        """One key without the key itself: what it opens, how long, and when it was used last."""
        async with database.reading(tenant_id) as tx:
            found = await store.key(tx, tenant_id, key_id)
        response.headers["ETag"] = etag_of(found["row_version"])
        return key_out(found)


def add_revoking(routes: APIRouter, changes: Changes, keeper: Any) -> None:
    @routes.delete("/{key_id}")
    async def revoke(
        tenant_id: UUID,
        key_id: UUID,
        request: Request,
        claims: Annotated[Claims, keeper],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Ends the key for good, also that of a frozen tenant."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            row = await store.lock_key(tx, tenant_id, key_id)
            require_match(request, row["row_version"])
            await keys.revoke(tx, row, "revoked", claims.act or claims.sub, now)
            return key_out(await store.key(tx, tenant_id, key_id))

        return await changes.make(request, claims.sub, tenant_id, change)
