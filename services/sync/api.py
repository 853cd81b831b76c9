"""HTTP in: handshake, pull and push, from the bff alone, which says for whom it speaks."""

import base64
import binascii
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chassis.auth import Authenticate, require_service
from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from chassis.errors import Invalid
from contracts.claims import Claims
from services.sync import operations
from services.sync.errors import ScopeRefused, at
from services.sync.model import EPOCH, Cursors, Principal
from services.sync.operations import queries
from services.sync.settings import Settings

PRINCIPAL_HEADER = "Tenantry-Principal"
Scope = Annotated[str, Field(min_length=38, max_length=250)]
Cursor = Annotated[str, Field(max_length=600)]


class Body(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class ScopeIn(Body):
    """A scope and how far the device has it."""

    scope: Scope
    cursor: Cursor | None = None


class HandshakeIn(Body):
    """What the device is and where it stands."""

    device: UUID
    app_version: Annotated[str, Field(max_length=50)]
    schema_version: int
    schema_hash: Annotated[str, Field(max_length=100)]
    scopes: Annotated[list[ScopeIn], Field(max_length=100)]
    producer_epoch: Annotated[int, Field(ge=1)]
    last_mid: Annotated[int, Field(ge=0)]


class PullIn(Body):
    """A page of a scope."""

    scope: Scope
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 500


class MutationIn(Body):
    """One offline action; `args` are the fields that it sets."""

    mid: Annotated[int, Field(ge=1)]
    collection: Annotated[str, Field(max_length=100)]
    key: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["put", "delete"]
    args: Annotated[dict[str, Any], Field(max_length=50)]
    base_version: int | None = None
    occurred_at: AwareDatetime


class PushIn(Body):
    """Actions in the order of their numbers. `scope` is needed where the member has several properties."""

    producer_epoch: Annotated[int, Field(ge=1)]
    mutations: Annotated[list[MutationIn], Field(min_length=1, max_length=500)]
    scope: Scope | None = None


def principal_of(header: str) -> Principal:
    """Raises Invalid when the bff's header cannot be read."""
    try:
        raw = orjson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        return Principal(
            UUID(raw["tenant_id"]),
            UUID(raw["device_id"]),
            str(raw["member_id"]),
            frozenset(raw["properties"]),
        )
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            f"{PRINCIPAL_HEADER}: not base64url of {{tenant_id, device_id, member_id, properties}}"
        ) from error


def router(  # a list of small routes
    database: Database, authenticate: Authenticate, cursors: Cursors, clock: Clock, settings: Settings
) -> APIRouter:
    routes = APIRouter(prefix="/sync/v1", tags=["sync"])
    only_bff = require_service(authenticate, "bff")

    async def principal(
        claims: Annotated[Claims, only_bff],
        tenantry_principal: Annotated[str, Header(alias=PRINCIPAL_HEADER, max_length=4096)],
    ) -> Principal:
        found = principal_of(tenantry_principal)
        set_actor(found.member_id, "user")
        return found

    Caller = Annotated[Principal, Depends(principal)]  # noqa: N806  # a type that holds the closure

    @routes.post("/handshake")
    async def handshake(body: HandshakeIn, caller: Caller) -> dict[str, Any]:
        async with database.reading(caller.tenant_id) as tx:
            known = await queries.producer(tx, tenant_id=caller.tenant_id, device_id=caller.device_id)
            scopes = []
            for asked in body.scopes:
                caller.property_of(asked.scope)
                page = await operations.pull(tx, caller, cursors, asked.scope, None, 1)
                scopes.append({"scope": asked.scope, "cursor": asked.cursor, "head": page["head"]})
        return {
            "mode": "delta",
            "epoch": EPOCH,
            "server_time": clock.now(),
            "scopes": scopes,
            "last_applied_mid": known["last_mid"] if known else 0,
            "limits": {"mutations": settings.max_mutations, "page": settings.max_page},
            "pause": {"pull": False, "push": False},
        }

    @routes.post("/pull")
    async def pull(body: PullIn, caller: Caller) -> dict[str, Any]:
        caller.property_of(body.scope)
        async with database.reading(caller.tenant_id) as tx:
            return await operations.pull(tx, caller, cursors, body.scope, body.cursor, body.limit)

    @routes.post("/push")
    async def push(body: PushIn, caller: Caller) -> dict[str, Any]:
        scope = body.scope or only_scope(caller)
        caller.property_of(scope)
        async with database.transaction(caller.tenant_id) as tx:
            return await operations.push(tx, caller, body.producer_epoch, body.mutations, scope, clock.now())

    return routes


def only_scope(caller: Principal) -> str:
    """The scope of a desk at one property. Raises ScopeRefused when it is not plain."""
    if len(caller.properties) != 1:
        raise ScopeRefused(**at("/scope", "missing", "name it: this member has not exactly one property"))
    return f"{caller.tenant_id}/{next(iter(caller.properties))}"
