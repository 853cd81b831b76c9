"""The named queries of members."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, load_queries
from services.registry.errors import MemberDeactivated, MemberNotFound

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def member(tx: ReadTx, tenant_id: UUID, member_id: str) -> dict[str, Any]:
    """Raises MemberNotFound."""
    row = await queries.member_by_id(tx, tenant_id=tenant_id, member_id=member_id)
    if row is None:
        raise MemberNotFound(f"there is no member {member_id!r}")
    return dict(row)


async def active_member(tx: ReadTx, tenant_id: UUID, member_id: str) -> dict[str, Any]:
    """Raises MemberNotFound, MemberDeactivated."""
    row = await member(tx, tenant_id, member_id)
    if row["deactivated_at"] is not None:
        raise MemberDeactivated("the member is deactivated; add it again first")
    return row
