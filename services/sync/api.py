"""HTTP in: handshake, pull and push, from the bff alone, which says for whom it speaks."""

import base64
import binascii
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chassis.auth import Authenticate, require_service
from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from chassis.errors import Invalid
from chassis.fields import Instant, Whole
from chassis.switches import Switches
from contracts.claims import Claims
from services.sync import operations
from services.sync.errors import ScopeRefused, at
from services.sync.model import EPOCH, Cursors, Principal
from services.sync.pause import DOCUMENTED, refuse_paused
from services.sync.settings import Settings

PRINCIPAL_HEADER = "Tenantry-Principal"
PAGE = 500
LARGEST = 2**53 - 1
"""What every JSON parser reads as it was written, and every column holds."""
Scope = Annotated[str, Field(min_length=38, max_length=250)]
Cursor = Annotated[str, Field(max_length=600)]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


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
    schema_version: Annotated[Whole, Field(ge=0, le=LARGEST)]
    schema_hash: Annotated[str, Field(max_length=100)]
    scopes: Annotated[list[ScopeIn], Field(max_length=100)]
    producer_epoch: Annotated[Whole, Field(ge=1, le=LARGEST)]
    last_mid: Annotated[Whole, Field(ge=0, le=LARGEST)]


class PullIn(Body):
    """A page of a scope; how many changes it may hold at most is a setting."""

    scope: Scope
    cursor: Cursor | None = None
    limit: Annotated[Whole, Field(ge=1)] | None = None


class MutationIn(Body):
    """One offline action; `args` are the fields that it sets."""

    mid: Annotated[Whole, Field(ge=1, le=LARGEST)]
    collection: Annotated[str, Field(max_length=100)]
    key: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["put", "delete"]
    args: Annotated[dict[str, Any], Field(max_length=50)]
    base_version: Annotated[Whole, Field(ge=0, le=LARGEST)] | None = None
    occurred_at: Instant


class PushIn(Body):
    """Actions in the order of their numbers. `scope` is needed where the member has several properties."""

    producer_epoch: Annotated[Whole, Field(ge=1, le=LARGEST)]
    mutations: Annotated[list[MutationIn], Field(min_length=1)]
    scope: Scope | None = None


class PrincipalIn(BaseModel):
    """What the header says; the bff tells more of the member than sync needs."""

    tenant_id: UUID
    device_id: UUID
    member_id: Word
    properties: Annotated[list[Word], Field(max_length=1000)]


def principal_of(header: str) -> Principal:
    """Raises Invalid when the bff's header cannot be read."""
    try:
        told = PrincipalIn.model_validate_json(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValidationError as error:
        fault = error.errors()[0]
        raise unreadable("/".join(str(step) for step in fault["loc"]), fault["msg"]) from error
    except (binascii.Error, ValueError) as error:
        raise unreadable("", "not base64url") from error
    return Principal(told.tenant_id, told.device_id, told.member_id, frozenset(told.properties))


def unreadable(place: str, what: str) -> Invalid:
    """About the header, which holds JSON; `place` is inside it."""
    detail = f"{place}: {what}" if place else what
    place_of = {"header": PRINCIPAL_HEADER, "code": "unreadable", "detail": detail}
    return Invalid(f"{PRINCIPAL_HEADER}: {detail}", errors=[place_of])


def refuse_more_than(most: int, count: int, pointer: str) -> None:
    """Limits that an operator sets are not the schema's. Raises Invalid."""
    if count > most:
        raise Invalid(**at(pointer, "too_many", f"{count} are more than {most}"))


def router(
    database: Database,
    authenticate: Authenticate,
    cursors: Cursors,
    clock: Clock,
    settings: Settings,
    switches: Switches,
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

    add_handshake(routes, database, Caller, cursors, clock, settings, switches)

    @routes.post("/pull")
    async def pull(body: PullIn, caller: Caller) -> dict[str, Any]:
        """Changes of a scope after the cursor, in order; `next` is the cursor after them, `more` says to ask again."""
        caller.property_of(body.scope)
        limit = min(PAGE, settings.max_page) if body.limit is None else body.limit
        refuse_more_than(settings.max_page, limit, "/limit")
        async with database.reading(caller.tenant_id) as tx:
            return await operations.pull(tx, caller, cursors, body.scope, body.cursor, limit)

    @routes.post("/push")
    async def push(body: PushIn, caller: Caller) -> dict[str, Any]:
        """Apply a device's actions in the order of their numbers, each once; every one gets an outcome of its own."""
        refuse_more_than(settings.max_mutations, len(body.mutations), "/mutations")
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


def add_handshake(
    routes: APIRouter,
    database: Database,
    Caller: Any,  # noqa: N803  # a type that holds a closure
    cursors: Cursors,
    clock: Clock,
    settings: Settings,
    switches: Switches,
) -> None:
    @routes.post("/handshake", responses=DOCUMENTED)
    async def handshake(body: HandshakeIn, caller: Caller) -> dict[str, Any]:
        """Where device and server stand: the last action applied, the head of each scope, and how large pages may be."""
        if body.device != caller.device_id:
            raise Invalid(**at("/device", "not_yours", "not the device that asks"))
        refuse_paused(switches, caller.tenant_id)
        async with database.reading(caller.tenant_id) as tx:
            last_mid = await operations.last_applied(tx, caller, body.producer_epoch)
            scopes = [
                await operations.standing(tx, caller, cursors, asked.scope, asked.cursor, f"/scopes/{place}")
                for place, asked in enumerate(body.scopes)
            ]
        is_cut_off = any(
            asked.cursor and not now["cursor"] for asked, now in zip(body.scopes, scopes, strict=True)
        )
        return {
            "mode": "snapshot" if is_cut_off else "delta",
            "epoch": EPOCH,
            "server_time": clock.now(),
            "scopes": scopes,
            "last_applied_mid": last_mid,
            "limits": {"mutations": settings.max_mutations, "page": settings.max_page},
            "pause": {"pull": False, "push": False},
        }
