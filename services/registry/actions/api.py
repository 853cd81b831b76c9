"""HTTP in: ask a product to act on a tenant, and see what became of what was asked."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.guards import needs
from chassis.idempotency import Keyed, is_replayed, once
from chassis.ids import uuid7
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.actions import operations as actions
from services.registry.actions.operations import Asked, Call
from services.registry.actions.store import queries
from services.registry.bodies import Body, Key, Text
from services.registry.products.client import ProductClient
from services.registry.tenants import store


class ActionIn(Body):
    """What cannot be taken back needs the tenant's slug, typed again."""

    confirm: Text | None = None


def action_out(row: Any) -> dict[str, Any]:
    return {**dict(row), "action_id": str(row["action_id"])}


def router(
    database: Database,
    authenticate: Authenticate,
    clock: Clock,
    page_tokens: PageTokens,
    client: ProductClient,
) -> APIRouter:
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/products/{product}/actions", tags=["actions"])
    add_acting(routes, database, needs(authenticate, Capability.PRODUCT_ACT), clock, client)
    add_reading(routes, database, needs(authenticate, Capability.ENTITLEMENT_READ), page_tokens)
    return routes


def add_acting(
    routes: APIRouter, database: Database, actor: Any, clock: Clock, client: ProductClient
) -> None:
    @routes.post("/{action}", responses={202: {"description": "The first request with this key is calling"}})
    async def act(
        tenant_id: UUID,
        product: Key,
        action: Key,
        body: ActionIn,
        request: Request,
        claims: Annotated[Claims, actor],
        key: Keyed,
    ) -> Response:
        """Calls the product once per Idempotency-Key; `state` says what became of it: done, failed or unknown."""
        asked = Asked(tenant_id, product, action, body.confirm, claims.sub)
        calls: list[Call] = []
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                calls.append(await actions.request(tx, asked, uuid7(), clock.now()))
                return 202, {"action_id": str(calls[0].action_id)}

            begun = await once(request, tx, clock, claims.sub, tenant_id, effect)
        if calls:
            outcome = await actions.perform(client, asked, calls[0])
            async with database.transaction(tenant_id) as tx:
                await actions.conclude(tx, tenant_id, calls[0].action_id, outcome, clock.now())
        async with database.reading(tenant_id) as reading:
            await store.tenant(reading, tenant_id)
            id_ = UUID(orjson.loads(begun.body)["action_id"])
            found = action_out(await queries.action_by_id(reading, tenant_id=tenant_id, action_id=id_))
        headers = {"Idempotency-Replayed": "true"} if is_replayed(begun) else None
        status = 202 if found["state"] == "requested" else 200
        return Response(orjson.dumps(found), status, headers, "application/json")


def add_reading(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("")
    async def list_(
        tenant_id: UUID, product: Key, claims: Annotated[Claims, reader], asked: Paged
    ) -> dict[str, Any]:
        """What was asked of the product for this tenant, newest first."""
        scope = {"list": "actions", "tenant": str(tenant_id), "product": product}
        page = page_tokens.open(asked, scope, "action_id")
        async with database.reading(tenant_id) as tx:
            await store.tenant(tx, tenant_id)
            found = await rows(
                queries.actions_page(
                    tx,
                    tenant_id=tenant_id,
                    product_key=product,
                    after=page.after["action_id"],
                    most=page.most,
                )
            )
        return page.answer("actions", [action_out(row) for row in found])
