"""Use cases of members: join, change roles, deactivate. The tenant is locked in all of them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx
from contracts.registry import MemberDeactivatedV1, MemberJoinedV1, MemberRolesChangedV1
from contracts.roles import OrgRole
from services.registry.errors import LastItAdmin, ScopesRefused
from services.registry.identity import NewMember
from services.registry.members.store import queries
from services.registry.properties import store as properties
from services.registry.scopes import operations as scopes


async def refuse_scope(tx: ReadTx, tenant_id: UUID, member: NewMember) -> None:
    """Raises ScopesRefused for properties that there are not, and for roles that are held nowhere."""
    unknown = await properties.unknown_of(tx, tenant_id, member.properties)
    faults = [
        {"pointer": f"/properties/{index}", "code": "unknown", "detail": "the tenant has no such property"}
        for index, code in enumerate(member.properties)
        if code in unknown
    ]
    if member.backoffice_roles and not member.properties:
        told = "a role is held at a property; name one"
        faults.append({"pointer": "/properties", "code": "missing", "detail": told})
    if faults:
        raise ScopesRefused(f"{faults[0]['pointer'][1:]}: {faults[0]['detail']}", errors=faults)


async def join(tx: Tx, tenant_id: UUID, member_id: str, member: NewMember, now: datetime) -> int:
    """The member's rows and event; answers its version. Raises ScopesRefused."""
    await refuse_scope(tx, tenant_id, member)
    at, roles = sorted(set(member.properties)), sorted(set(member.backoffice_roles))
    version: int = await queries.put_member(
        tx,
        tenant_id=tenant_id,
        member_id=member_id,
        email=member.email,
        name=member.name,
        locale=member.locale,
        org_roles=member.org_roles,
        backoffice_roles=roles,
        properties=at,
    )
    await scopes.replace(tx, tenant_id, member_id, dict.fromkeys(at, frozenset(roles)))
    joined = MemberJoinedV1(
        tenant_id=tenant_id,
        member_id=member_id,
        org_roles=tuple(member.org_roles),
        backoffice_roles=tuple(roles),
        properties=tuple(at),
    )
    await outbox.add(tx, joined, aggregate_version=version)
    await want_push(tx, tenant_id, member_id, now)
    return version


async def want_push(tx: Tx, tenant_id: UUID, member_id: str, now: datetime) -> None:
    """The identity provider is to hear what the table says of the member."""
    await queries.want_pushes(tx, tenant_id=tenant_id, member_ids=[member_id], due_at=now)


async def change_roles(tx: Tx, row: Mapping[str, Any], org_roles: Collection[OrgRole], now: datetime) -> None:
    """The active member has these roles in its organisation; nothing where it has them already. Raises LastItAdmin."""
    wanted = sorted({role.value for role in org_roles})
    if wanted == sorted(row["org_roles"]):
        return
    if OrgRole.IT_ADMIN not in wanted:
        await require_another_admin(tx, row)
    who = {"tenant_id": row["tenant_id"], "member_id": row["member_id"]}
    await queries.change_roles(tx, **who, org_roles=wanted)
    changed = MemberRolesChangedV1(**who, org_roles=tuple(wanted))
    await outbox.add(tx, changed, aggregate_version=row["row_version"] + 1)
    await want_push(tx, **who, now=now)


async def deactivate(tx: Tx, row: Mapping[str, Any], now: datetime) -> None:
    """The active member may not come in any more and works nowhere. Raises LastItAdmin."""
    await require_another_admin(tx, row)
    who = {"tenant_id": row["tenant_id"], "member_id": row["member_id"]}
    await queries.deactivate(tx, **who, deactivated_at=now)
    await scopes.replace(tx, **who, wanted={})
    await outbox.add(tx, MemberDeactivatedV1(**who), aggregate_version=row["row_version"] + 1)
    await want_push(tx, **who, now=now)


async def require_another_admin(tx: ReadTx, row: Mapping[str, Any]) -> None:
    """Raises LastItAdmin when the tenant would be left without one."""
    if OrgRole.IT_ADMIN not in row["org_roles"]:
        return
    if not await queries.other_admins(tx, tenant_id=row["tenant_id"], member_id=row["member_id"]):
        raise LastItAdmin("this is the tenant's only IT admin; make another one first")
