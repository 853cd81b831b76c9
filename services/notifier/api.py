"""HTTP in: webhook endpoints of a tenant, and what became of mails and messages."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.ids import uuid7
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.notifier import addresses
from services.notifier.consumers import queries
from services.notifier.errors import EndpointNotFound
from services.notifier.signatures import Sealing, new_secret


class EndpointIn(BaseModel):
    """Where to, and which events: exact types, `noun.*`, or `*`."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=8, max_length=2000)]
    event_types: Annotated[
        list[Annotated[str, Field(pattern=r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$", max_length=100)]],
        Field(min_length=1, max_length=50),
    ]


def router(
    database: Database, authenticate: Authenticate, sealing: Sealing, clock: Clock, *, allow_private: bool
) -> APIRouter:
    """Operators, and the tenant's own IT admins."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}", tags=["webhooks"])

    reader = needs(authenticate, Capability.WEBHOOK_READ)
    manager = needs(authenticate, Capability.WEBHOOK_MANAGE)
    add_creation(routes, database, manager, sealing, clock, allow_private=allow_private)
    add_endpoints(routes, database, reader, manager)
    add_sent(routes, database, reader)
    return routes


def add_creation(
    routes: APIRouter,
    database: Database,
    manager: Any,
    sealing: Sealing,
    clock: Clock,
    *,
    allow_private: bool,
) -> None:
    @routes.post("/webhook-endpoints", status_code=201)
    async def add(
        tenant_id: UUID, body: EndpointIn, request: Request, claims: Annotated[Claims, manager], key: Keyed
    ) -> Response:
        """Tell an address of events, by signed webhooks (Standard Webhooks); the receiver verifies with `secret`."""
        await addresses.check(body.url, allow_private=allow_private)
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                endpoint_id, secret = uuid7(), new_secret()
                await queries.add_endpoint(
                    tx,
                    tenant_id=tenant_id,
                    endpoint_id=endpoint_id,
                    url=body.url,
                    event_types=body.event_types,
                    sealed_secret=sealing.seal(secret, str(endpoint_id)),
                    now=clock.now(),
                )
                return 201, {"id": str(endpoint_id), "url": body.url}

            kept = await once(request, tx, clock, claims.sub, tenant_id, effect)
            return await with_secret(tx, sealing, tenant_id, kept)


def add_endpoints(routes: APIRouter, database: Database, reader: Any, manager: Any) -> None:
    @routes.get("/webhook-endpoints")
    async def show(tenant_id: UUID, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """Endpoints and their state, never their secrets."""
        async with database.reading(tenant_id) as tx:
            return {
                "endpoints": [dict(row) async for row in queries.endpoints_of_tenant(tx, tenant_id=tenant_id)]
            }

    @routes.delete("/webhook-endpoints/{endpoint_id}", status_code=204)
    async def remove(tenant_id: UUID, endpoint_id: UUID, claims: Annotated[Claims, manager]) -> Response:
        """Send nothing more to it."""
        async with database.transaction(tenant_id) as tx:
            if await queries.delete_endpoint(tx, tenant_id=tenant_id, endpoint_id=endpoint_id) is None:
                raise EndpointNotFound(f"there is no endpoint {endpoint_id}")
        return Response(status_code=204)


def add_sent(routes: APIRouter, database: Database, reader: Any) -> None:
    @routes.get("/webhook-deliveries")
    async def deliveries(
        tenant_id: UUID,
        claims: Annotated[Claims, reader],
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """What was sent to endpoints, newest first: each attempt with its outcome, and what the receiver said."""
        async with database.reading(tenant_id) as tx:
            rows = queries.deliveries(tx, tenant_id=tenant_id, most=page_size)
            return {"deliveries": [dict(row) async for row in rows]}

    @routes.get("/mails")
    async def mails(
        tenant_id: UUID,
        claims: Annotated[Claims, reader],
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """Which mails to members were accepted, bounced or held back; newest first, without their text."""
        async with database.reading(tenant_id) as tx:
            rows = queries.mails_of_tenant(tx, tenant_id=tenant_id, most=page_size)
            return {"mails": [dict(row) async for row in rows]}


async def with_secret(tx: Tx, sealing: Sealing, tenant_id: UUID, kept: Response) -> Response:
    """The stored outcome with the secret added: outcomes are kept as they are, secrets only sealed."""
    told = orjson.loads(kept.body)
    sealed = await queries.sealed_secret(tx, tenant_id=tenant_id, endpoint_id=UUID(told["id"]))
    if sealed is None:  # removed since
        return kept
    body = orjson.dumps({**told, "secret": sealing.open(sealed, told["id"])})
    headers = {name: value for name, value in kept.headers.items() if name != "content-length"}
    return Response(body, kept.status_code, headers)
