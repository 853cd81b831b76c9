"""HTTP in for who keeps the log of a tenant: publisher tokens are made, shown once, listed and revoked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.fields import Flag
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.records.tokens import operations as tokens
from services.audit.records.tokens.operations import NewToken, queries

SHOWN = (
    "token_id", "project_id", "name", "product", "may_read", "personal_fields", "created_by", "created_at",
    "revoked_at", "row_version",
)  # fmt: skip


class TokenIn(BaseModel):
    """A token to be: it posts into one project. `personal_fields` name fields of events that are personal data."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    project_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "default"
    product: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")] | None = None
    may_read: Flag = False
    personal_fields: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=128)]], Field(max_length=100)
    ] = []


def token_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A token as people see it: never the token, never its digest."""
    return {name: shown(row[name]) for name in SHOWN}


def shown(value: Any) -> Any:
    """The same text whether the answer is stored, repeated or read."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def router(
    database: Database, authenticate: Authenticate, clock: Clock, page_tokens: PageTokens
) -> APIRouter:
    """Publisher tokens of one tenant."""
    prefix = "/v1/tenants/{tenant_id}/audit/publisher-tokens"
    routes = APIRouter(prefix=prefix, tags=["publisher tokens"])
    keeper = needs(authenticate, Capability.AUDIT_MANAGE)

    @routes.post("", status_code=201)
    async def issue(
        tenant_id: UUID, body: TokenIn, request: Request, claims: Annotated[Claims, keeper], key: Keyed
    ) -> Response:
        """Answers the token once, in `token`; a repeated request is answered without it."""
        asked = NewToken(
            body.name,
            body.project_id,
            body.product,
            body.may_read,
            tuple(sorted(set(body.personal_fields))),
        )
        headers: dict[str, str] = {}
        made: list[tuple[dict[str, Any], str]] = []
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                token_id, token = await tokens.issue(tx, tenant_id, asked, claims.sub, clock.now())
                new = {**token_out(await tokens.found(tx, tenant_id, token_id)), "token": None}
                headers["ETag"] = etag_of(new["row_version"])
                headers["Location"] = f"{prefix.format(tenant_id=tenant_id)}/{token_id}"
                made.append((new, token))
                return 201, new

            answer = await once(request, tx, clock, claims.sub, tenant_id, effect, headers)
        if not made:
            return answer
        new, token = made[0]
        told = {**headers, "Cache-Control": "no-store"}
        return Response(orjson.dumps({**new, "token": token}), 201, told, "application/json")

    @routes.get("")
    async def find(tenant_id: UUID, claims: Annotated[Claims, keeper], asked: Paged) -> dict[str, Any]:
        """Oldest first, those that were revoked too."""
        page = page_tokens.open(asked, {"list": "publisher-tokens", "tenant_id": str(tenant_id)}, "token_id")
        async with database.reading(tenant_id) as tx:
            found = await rows(
                queries.tokens_page(tx, tenant_id=tenant_id, after=page.after["token_id"], most=page.most)
            )
        return page.answer("publisher_tokens", [token_out(row) for row in found])

    @routes.get("/{token_id}")
    async def show(
        tenant_id: UUID, token_id: UUID, response: Response, claims: Annotated[Claims, keeper]
    ) -> dict[str, Any]:
        """One token without the token itself."""
        async with database.reading(tenant_id) as tx:
            row = await tokens.found(tx, tenant_id, token_id)
        response.headers["ETag"] = etag_of(row["row_version"])
        return token_out(row)

    @routes.delete("/{token_id}")
    async def revoke(
        tenant_id: UUID,
        token_id: UUID,
        request: Request,
        claims: Annotated[Claims, keeper],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Ends the token for good; the next request with it is refused."""
        headers: dict[str, str] = {}
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                row = await tokens.lock(tx, tenant_id, token_id)
                require_match(request, row["row_version"])
                await tokens.revoke(tx, tenant_id, row, clock.now())
                left = token_out(await tokens.found(tx, tenant_id, token_id))
                headers["ETag"] = etag_of(left["row_version"])
                return 200, left

            return await once(request, tx, clock, claims.sub, tenant_id, effect, headers)

    return routes
