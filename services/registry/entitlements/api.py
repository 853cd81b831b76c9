"""HTTP in: what a tenant may use, and why; changing it by hand; what a token should say."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from chassis.auth import Authenticate, require_service
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.etags import IfMatch
from chassis.fields import Flag, Instant
from chassis.guards import needs
from chassis.idempotency import Keyed
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.subjects import SERVICES
from services.registry.bodies import Body, Key, Text
from services.registry.entitlements import operations as entitlements
from services.registry.errors import TenantNotFound
from services.registry.tenants import store
from services.registry.tenants.changes import TenantChanges
from services.registry.tenants.model import Story, Tenant
from services.registry.tenants.store import queries as tenant_queries


class OverrideIn(Body):
    """What an operator decides about one product, whatever was bought."""

    enabled: Flag
    expires_at: Instant | None = None
    config: Annotated[dict[str, str | int | bool | list[str]], Field(max_length=50)] = Field(
        default_factory=dict
    )
    reason: Text


def router(database: Database, authenticate: Authenticate, clock: Clock, changes: TenantChanges) -> APIRouter:
    """For who may read entitlements; changing is the operators'."""
    routes = APIRouter(tags=["entitlements"])
    add_reading(routes, database, needs(authenticate, Capability.ENTITLEMENT_READ), clock)
    add_override(routes, changes, needs(authenticate, Capability.PLATFORM_TENANT_MOVE))
    add_claims(routes, database, require_service(authenticate, *SERVICES), clock)
    return routes


def add_reading(routes: APIRouter, database: Database, reader: Any, clock: Clock) -> None:
    @routes.get("/v1/tenants/{tenant_id}/entitlements")
    async def show(
        tenant_id: UUID, claims: Annotated[Claims, reader], explain: bool = False
    ) -> dict[str, Any]:
        """Every product of the catalogue, yes or no; with `explain` also the rule that decided."""
        async with database.reading(tenant_id) as tx:
            tenant = await store.tenant(tx, tenant_id)
            decisions = await entitlements.explain(tx, tenant, clock.now())
        shown = [asdict(decision) for decision in decisions]
        for decision in shown if not explain else ():
            del decision["rule"]
        return {
            "tenant_id": str(tenant_id),
            "status": tenant.status,
            "plan": tenant.plan,
            "ent_v": tenant.ent_v,
            "products": shown,
        }


def add_override(routes: APIRouter, changes: TenantChanges, mover: Any) -> None:
    @routes.put("/v1/tenants/{tenant_id}/products/{product}")
    async def override(
        tenant_id: UUID,
        product: Key,
        body: OverrideIn,
        request: Request,
        claims: Annotated[Claims, mover],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Grant a product by hand, or take it away."""

        async def change(tx: Tx, story: Story, now: datetime) -> Tenant:
            return await entitlements.override(
                tx,
                story,
                product,
                enabled=body.enabled,
                expires_at=body.expires_at,
                config=body.config,
                reason=body.reason,
                now=now,
            )

        return await changes.make(request, claims.sub, tenant_id, change)


def add_claims(routes: APIRouter, database: Database, any_service: Any, clock: Clock) -> None:
    @routes.get("/internal/claims/{org_id}")
    async def claims_of(
        org_id: Annotated[str, Path(max_length=200)], caller: Annotated[Claims, any_service]
    ) -> dict[str, Any]:
        """What a token of this organisation should say now; a smaller `ent_v` in one means that it is stale."""
        async with database.platform_reading() as tx:
            tenant_id = await tenant_queries.tenant_of_org(tx, org_id=org_id)
            if tenant_id is None:
                raise TenantNotFound("no tenant has this organisation")
            tenant = await store.tenant(tx, tenant_id)
            return {
                "org_id": org_id,
                "tenant_id": str(tenant_id),
                "plan": tenant.plan,
                "tenant_status": tenant.status,
                "ent_v": tenant.ent_v,
                "products": await entitlements.keys_of(tx, tenant, clock.now()),
            }
