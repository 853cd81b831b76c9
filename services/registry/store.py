"""The named queries; rows that mean a tenant come as one."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries
from services.registry.errors import TenantNotFound
from services.registry.model import Tenant

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def tenant(tx: ReadTx, tenant_id: UUID) -> Tenant:
    """Raises TenantNotFound."""
    row = await queries.tenant_by_id(tx, tenant_id=tenant_id)
    if row is None:
        raise TenantNotFound(f"there is no tenant {tenant_id}")
    return Tenant(**row)


async def lock_tenant(tx: Tx, tenant_id: UUID) -> Tenant:
    """Locked until the transaction ends. Raises TenantNotFound."""
    row = await queries.lock_tenant(tx, tenant_id=tenant_id)
    if row is None:
        raise TenantNotFound(f"there is no tenant {tenant_id}")
    return Tenant(**row)


async def rows(found: Any) -> list[dict[str, Any]]:
    """All rows of a query that answers many."""
    return [dict(row) async for row in found]
