"""HTTP in: members of a tenant, for its IT admins and for operators."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.roles import OrgRole
from services.registry.bodies import BackofficeRoles, Body, Email, Language, PropertyCode, Text
from services.registry.changes import Changes
from services.registry.identity import IdentityProvider, NewMember
from services.registry.members import operations as members
from services.registry.members import store
from services.registry.members.store import queries
from services.registry.scopes.model import MOST_PROPERTIES
from services.registry.tenants import operations as tenants
from services.registry.tenants import store as tenant_store
from services.registry.tenants.model import Ladder

MemberId = Annotated[str, Path(max_length=200)]
OrgRoles = Annotated[list[OrgRole], Field(max_length=10)]


class MemberIn(Body):
    """A person of the tenant; the roles at properties are held at each of `properties`."""

    email: Email
    name: Text
    locale: Language = "en"
    org_roles: OrgRoles = Field(default_factory=list)
    backoffice_roles: BackofficeRoles = Field(default_factory=list)
    properties: Annotated[list[PropertyCode], Field(max_length=MOST_PROPERTIES)] = Field(default_factory=list)


class RolesIn(Body):
    """All roles that the member is to have in its organisation."""

    org_roles: OrgRoles


def member_out(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "tenant_id": str(row["tenant_id"])}


def router(
    database: Database,
    authenticate: Authenticate,
    identity: IdentityProvider,
    clock: Clock,
    ladder: Ladder,
    page_tokens: PageTokens,
) -> APIRouter:
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/members", tags=["members"])
    manager = needs(authenticate, Capability.MEMBER_MANAGE)
    add_joining(routes, database, manager, identity, clock, ladder)
    add_changing(routes, Changes(database, clock), manager, ladder)
    add_reading(routes, database, needs(authenticate, Capability.MEMBER_READ), page_tokens)
    return routes


def add_joining(
    routes: APIRouter,
    database: Database,
    manager: Any,
    identity: IdentityProvider,
    clock: Clock,
    ladder: Ladder,
) -> None:
    @routes.post("", status_code=201)
    async def add_member(
        tenant_id: UUID, body: MemberIn, request: Request, claims: Annotated[Claims, manager], key: Keyed
    ) -> Response:
        """Let a person in, with roles and properties. Whoever has the address already is changed, and comes back if it was
        deactivated.
        """
        member = NewMember(
            body.email.lower(),
            body.name,
            body.locale,
            sorted({role.value for role in body.org_roles}),
            sorted({role.value for role in body.backoffice_roles}),
            sorted(set(body.properties)),
        )
        async with database.transaction(tenant_id) as looking:  # before anything is made elsewhere
            tenant = await tenants.lock_writable(looking, tenant_id, ladder, clock.now())
            await members.refuse_scope(looking, tenant_id, member)
        member_id = await identity.find_or_create_member(tenant.org_id, member)
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                now = clock.now()
                await tenants.lock_writable(tx, tenant_id, ladder, now)
                version = await members.join(tx, tenant_id, member_id, member, now)
                return 201, {"member_id": member_id, "row_version": version}

            answer = await once(request, tx, clock, claims.sub, tenant_id, effect)
            # A repeated request told the provider old things again; what counts is what the table says now.
            await members.want_push(tx, tenant_id, member_id, clock.now())
            return answer


def add_changing(routes: APIRouter, changes: Changes, manager: Any, ladder: Ladder) -> None:
    @routes.put("/{member_id}/roles")
    async def change_roles(
        tenant_id: UUID,
        member_id: MemberId,
        body: RolesIn,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Its roles in the organisation; where it works and as what is said by its scopes."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            await tenants.lock_writable(tx, tenant_id, ladder, now)
            row = await store.active_member(tx, tenant_id, member_id)
            require_match(request, row["row_version"])
            await members.change_roles(tx, row, body.org_roles, now)
            return member_out(await store.member(tx, tenant_id, member_id))

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.delete("/{member_id}")
    async def deactivate(
        tenant_id: UUID,
        member_id: MemberId,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """It may not come in any more, from within a second; also in a frozen tenant. Adding it again takes this back."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            await tenants.locked(tx, tenant_id, ladder, now)
            row = await store.active_member(tx, tenant_id, member_id)
            require_match(request, row["row_version"])
            await members.deactivate(tx, row, now)
            return member_out(await store.member(tx, tenant_id, member_id))

        return await changes.make(request, claims.sub, tenant_id, change)


def add_reading(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("")
    async def find(tenant_id: UUID, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """By id, those that are deactivated too."""
        scope = {"list": "members", "tenant_id": str(tenant_id)}
        page = page_tokens.open(asked, scope, "member_id")
        async with database.reading(tenant_id) as tx:
            await tenant_store.tenant(tx, tenant_id)
            found = await rows(
                queries.members_page(tx, tenant_id=tenant_id, after=page.after["member_id"], most=page.most)
            )
        return page.answer("members", [member_out(row) for row in found])

    @routes.get("/{member_id}")
    async def show(
        tenant_id: UUID, member_id: MemberId, response: Response, claims: Annotated[Claims, reader]
    ) -> dict[str, Any]:
        """One member with its roles and properties, also when it is deactivated."""
        async with database.reading(tenant_id) as tx:
            found = member_out(await store.member(tx, tenant_id, member_id))
        response.headers["ETag"] = etag_of(found["row_version"])
        return found
