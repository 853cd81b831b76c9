"""HTTP in: who works where as what; for IT admins and operators, and for those of ours who verify it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.fields import Flag
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from contracts.roles import BackofficeRole
from services.registry.bodies import BackofficeRoles, Body
from services.registry.changes import Changes
from services.registry.errors import ScopeNotFound
from services.registry.members import store as members
from services.registry.properties import store as properties
from services.registry.scopes import imports
from services.registry.scopes import operations as scopes
from services.registry.scopes.model import Roles, Wish
from services.registry.scopes.store import queries
from services.registry.tenants import operations as tenants
from services.registry.tenants import store as tenant_store
from services.registry.tenants.model import Ladder

MOST_ROWS = 2000
ONE = "/members/{member_id}/scopes/{code}"
MemberId = Annotated[str, Path(max_length=200)]
Code = Annotated[str, Path(max_length=200)]


class ScopeIn(Body):
    """What the member is at the property; without a role it looks on."""

    backoffice_roles: BackofficeRoles


class RowIn(Body):
    """One place of one member. `member` is its id or its address; with `remove` it does not work there any more."""

    member: Annotated[str, Field(min_length=1, max_length=254)]
    property: Annotated[str, Field(min_length=1, max_length=200)]
    backoffice_roles: BackofficeRoles = Field(default_factory=list)
    remove: Flag = False


class ImportIn(Body):
    """All rows are taken, or none."""

    rows: Annotated[list[RowIn], Field(min_length=1, max_length=MOST_ROWS)]


def roles_in(given: list[BackofficeRole]) -> Roles:
    return frozenset(role.value for role in given)


def scope_out(row: dict[str, Any]) -> dict[str, Any]:
    verified_at = row["verified_at"]
    return {**row, "verified_at": verified_at.isoformat() if verified_at else None}


async def shown(tx: ReadTx, tenant_id: UUID, member_id: str) -> dict[str, Any]:
    """Raises MemberNotFound."""
    member = await members.member(tx, tenant_id, member_id)
    found = await rows(queries.scopes_of_member(tx, tenant_id=tenant_id, member_id=member_id))
    return {
        "member_id": member_id,
        "row_version": member["row_version"],
        "scopes": [scope_out(row) for row in found],
    }


async def lock_member(
    tx: Tx, request: Request, tenant_id: UUID, member_id: str, ladder: Ladder, now: datetime
) -> dict[str, Any]:
    """The active member that is to be changed: its tenant locked and writable, its version as the caller knows it."""
    await tenants.lock_writable(tx, tenant_id, ladder, now)
    row = await members.active_member(tx, tenant_id, member_id)
    require_match(request, row["row_version"])
    return row


def router(
    database: Database, authenticate: Authenticate, clock: Clock, ladder: Ladder, page_tokens: PageTokens
) -> APIRouter:
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}", tags=["scopes"])
    manager = needs(authenticate, Capability.MEMBER_MANAGE)
    changes = Changes(database, clock)
    add_changing(routes, changes, manager, ladder)
    add_verification(routes, changes, needs(authenticate, Capability.PLATFORM_SCOPE_VERIFY), ladder)
    add_import(routes, database, manager, clock, ladder)
    add_reading(routes, database, needs(authenticate, Capability.MEMBER_READ), page_tokens)
    return routes


def add_changing(routes: APIRouter, changes: Changes, manager: Any, ladder: Ladder) -> None:
    @routes.put(ONE)
    async def put(
        tenant_id: UUID,
        member_id: MemberId,
        code: Code,
        body: ScopeIn,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Let the member work at the property as this; its open streams begin anew within a second."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            row = await lock_member(tx, request, tenant_id, member_id, ladder, now)
            await properties.property_(tx, tenant_id, code)
            wishes = [Wish(member_id, code, roles_in(body.backoffice_roles))]
            found = await scopes.foresee(tx, tenant_id, wishes)
            await scopes.write(tx, tenant_id, found, {member_id: row["row_version"]}, now)
            return await shown(tx, tenant_id, member_id)

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.delete(ONE)
    async def remove(
        tenant_id: UUID,
        member_id: MemberId,
        code: Code,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """The member does not work there any more; its open streams begin anew within a second."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            row = await lock_member(tx, request, tenant_id, member_id, ladder, now)
            found = await scopes.foresee(tx, tenant_id, [Wish(member_id, code, None)])
            if not found[member_id].is_real:
                raise ScopeNotFound(f"the member does not work at {code!r}")
            await scopes.write(tx, tenant_id, found, {member_id: row["row_version"]}, now)
            return await shown(tx, tenant_id, member_id)

        return await changes.make(request, claims.sub, tenant_id, change)


def add_verification(routes: APIRouter, changes: Changes, verifier: Any, ladder: Ladder) -> None:
    @routes.post(f"{ONE}/verification")
    async def verify(
        tenant_id: UUID,
        member_id: MemberId,
        code: Code,
        request: Request,
        claims: Annotated[Claims, verifier],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Somebody of ours has seen that the member works there as this; a later change takes it away."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            row = await lock_member(tx, request, tenant_id, member_id, ladder, now)
            await scopes.verify(tx, row, code, now)
            return await shown(tx, tenant_id, member_id)

        return await changes.make(request, claims.sub, tenant_id, change)


def add_import(routes: APIRouter, database: Database, manager: Any, clock: Clock, ladder: Ladder) -> None:
    @routes.post("/member-scopes/import")
    async def import_rows(
        tenant_id: UUID,
        body: ImportIn,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        dry_run: bool = False,
    ) -> Response:
        """Many scopes at once: all rows, or none and every fault by its row. What is so already is no change."""
        given = [
            imports.Row(row.member, row.property, None if row.remove else roles_in(row.backoffice_roles))
            for row in body.rows
        ]
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                now = clock.now()
                await tenants.lock_writable(tx, tenant_id, ladder, now)
                outcome = await imports.run(tx, tenant_id, given, now, is_dry=dry_run)
                return 200, {"dry_run": dry_run, **asdict(outcome)}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)


def add_reading(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("/members/{member_id}/scopes")
    async def show(
        tenant_id: UUID, member_id: MemberId, response: Response, claims: Annotated[Claims, reader]
    ) -> dict[str, Any]:
        """The ETag is the member's."""
        async with database.reading(tenant_id) as tx:
            found = await shown(tx, tenant_id, member_id)
        response.headers["ETag"] = etag_of(found["row_version"])
        return found

    @routes.get("/member-scopes")
    async def find(
        tenant_id: UUID,
        claims: Annotated[Claims, reader],
        asked: Paged,
        code: Annotated[str | None, Query(alias="property", max_length=200)] = None,
        verified: bool | None = None,
    ) -> dict[str, Any]:
        """By member and property."""
        scope = {
            "list": "member-scopes",
            "tenant_id": str(tenant_id),
            "property": code,
            "verified": verified,
        }
        page = page_tokens.open(asked, scope, "member_id", "property")
        async with database.reading(tenant_id) as tx:
            await tenant_store.tenant(tx, tenant_id)
            found = await rows(
                queries.scopes_page(
                    tx,
                    tenant_id=tenant_id,
                    property=code,
                    is_verified=verified,
                    after_member=page.after["member_id"],
                    after_property=page.after["property"],
                    most=page.most,
                )
            )
        listed = [scope_out(row) for row in found]
        return page.answer("scopes", listed)
