"""Use cases of members."""

from uuid import UUID

from chassis import outbox
from chassis.db import Tx
from contracts.registry import MemberJoinedV1
from services.registry.identity import NewMember
from services.registry.members.store import queries


async def join(tx: Tx, tenant_id: UUID, member_id: str, member: NewMember) -> int:
    """The member's row and event; answers its version."""
    version: int = await queries.put_member(
        tx,
        tenant_id=tenant_id,
        member_id=member_id,
        email=member.email,
        name=member.name,
        locale=member.locale,
        org_roles=member.org_roles,
        backoffice_roles=member.backoffice_roles,
        properties=member.properties,
    )
    joined = MemberJoinedV1(
        tenant_id=tenant_id,
        member_id=member_id,
        org_roles=tuple(member.org_roles),
        backoffice_roles=tuple(member.backoffice_roles),
        properties=tuple(member.properties),
    )
    await outbox.add(tx, joined, aggregate_version=version)
    return version
