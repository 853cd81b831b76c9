"""HTTP in, for other services: what they may know of a tenant. Each route lists its callers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Authenticate, require_service
from chassis.clock import Clock
from chassis.db import Database, rows
from contracts.claims import Claims
from contracts.roles import OrgRole
from services.registry.devices.store import queries as devices
from services.registry.entitlements import operations as entitlements
from services.registry.errors import DeviceNotFound
from services.registry.members import store as member_store
from services.registry.members.store import queries as members
from services.registry.tenants import store


def router(database: Database, authenticate: Authenticate, clock: Clock) -> APIRouter:
    """Unknown is 404; nobody but the listed services gets further than 403."""
    routes = APIRouter(prefix="/internal/v1/directory/tenants/{tenant_id}", tags=["internal"])
    any_service = require_service(authenticate, "bff", "audit", "sync", "notifier")
    only_bff = require_service(authenticate, "bff")
    only_notifier = require_service(authenticate, "notifier")

    @routes.get("")
    async def tenant(tenant_id: UUID, caller: Annotated[Claims, any_service]) -> dict[str, Any]:
        """What a service may know of a tenant: its names, status, plan and products."""
        async with database.reading(tenant_id) as tx:
            found = await store.tenant(tx, tenant_id)
            products = await entitlements.keys_of(tx, found, clock.now())
        names = ("slug", "name", "status", "plan", "ent_v", "locale", "time_zone", "org_id", "row_version")
        return {
            "tenant_id": str(tenant_id),
            **{name: getattr(found, name) for name in names},
            "products": products,
        }

    @routes.get("/devices/{jkt}")
    async def device(tenant_id: UUID, jkt: str, caller: Annotated[Claims, only_bff]) -> dict[str, Any]:
        """The device in use that holds the key with this thumbprint (RFC 7638)."""
        async with database.reading(tenant_id) as tx:
            row = await devices.device_in_use(tx, tenant_id=tenant_id, jkt=jkt)
        if row is None:
            raise DeviceNotFound("no device in use has this key")
        return dict(row)

    @routes.get("/members/{member_id}")
    async def member(tenant_id: UUID, member_id: str, caller: Annotated[Claims, only_bff]) -> dict[str, Any]:
        """Where a member may work, and as what."""
        async with database.reading(tenant_id) as tx:
            found = await member_store.member(tx, tenant_id, member_id)
        names = ("member_id", "org_roles", "backoffice_roles", "properties", "locale", "row_version")
        return {**{name: found[name] for name in names}, "is_active": found["deactivated_at"] is None}

    @routes.get("/recipients")
    async def recipients(
        tenant_id: UUID, role: OrgRole, caller: Annotated[Claims, only_notifier]
    ) -> dict[str, Any]:
        """Whom to write to: members with this role, with their addresses and languages."""
        async with database.reading(tenant_id) as tx:
            await store.tenant(tx, tenant_id)
            found = await rows(members.recipients(tx, tenant_id=tenant_id, role=role.value))
        return {"recipients": found}

    return routes
