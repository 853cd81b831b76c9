"""HTTP in: members of a tenant."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.roles import BackofficeRole, OrgRole
from services.registry.bodies import Body, Email, Language, Text
from services.registry.identity import IdentityProvider, NewMember
from services.registry.members import operations as members
from services.registry.tenants import store
from services.registry.tenants.store import queries


class MemberIn(Body):
    """A person of the tenant."""

    email: Email
    name: Text
    locale: Language = "en"
    org_roles: list[OrgRole] = Field(default_factory=list, max_length=10)
    backoffice_roles: list[BackofficeRole] = Field(default_factory=list, max_length=10)
    properties: list[Text] = Field(default_factory=list, max_length=500)


def router(
    database: Database, authenticate: Authenticate, identity: IdentityProvider, clock: Clock
) -> APIRouter:
    """For the tenant's IT admins, and operators."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/members", tags=["members"])
    manager = needs(authenticate, Capability.MEMBER_MANAGE)

    @routes.post("", status_code=201)
    async def add_member(
        tenant_id: UUID, body: MemberIn, request: Request, claims: Annotated[Claims, manager], key: Keyed
    ) -> Response:
        """Let a person in, with roles and properties; the identity provider's account is found by its address, or made."""
        async with database.reading(tenant_id) as reading:
            org_id = (await store.tenant(reading, tenant_id)).org_id
        member = NewMember(
            body.email.lower(),
            body.name,
            body.locale,
            [role.value for role in body.org_roles],
            [role.value for role in body.backoffice_roles],
            body.properties,
        )
        member_id = await identity.find_or_create_member(org_id, member)
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                await queries.lock_tenant(tx, tenant_id=tenant_id)
                version = await members.join(tx, tenant_id, member_id, member)
                return 201, {"member_id": member_id, "row_version": version}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    return routes
