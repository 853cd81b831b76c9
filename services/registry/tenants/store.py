"""The named queries of tenants; a tenant comes with its plan, as a story."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries, rows
from services.registry.errors import TenantNotFound
from services.registry.tenants.model import Action, Due, Ladder, Story, Tenant

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))
CHANGING = (
    "tenant_id", "status", "plan", "contract_start", "contract_end", "frozen_reason", "frozen_at", "archived_at",
    "cancel_at", "cancel_reason", "held_until", "ent_v", "row_version",
)  # fmt: skip


async def tenant(tx: ReadTx, tenant_id: UUID) -> Tenant:
    """Raises TenantNotFound."""
    row = await queries.tenant_by_id(tx, tenant_id=tenant_id)
    if row is None:
        raise TenantNotFound(f"there is no tenant {tenant_id}")
    return Tenant(**row)


async def story(tx: ReadTx, tenant_id: UUID, ladder: Ladder) -> Story:
    """The tenant with its plan. Raises TenantNotFound."""
    found = await tenant(tx, tenant_id)
    plans = await open_actions(tx, [tenant_id])
    return Story(found, plans.get(tenant_id, []), ladder)


async def lock_story(tx: Tx, tenant_id: UUID, ladder: Ladder) -> Story:
    """The same, locked until the transaction ends. Raises TenantNotFound."""
    row = await queries.lock_tenant(tx, tenant_id=tenant_id)
    if row is None:
        raise TenantNotFound(f"there is no tenant {tenant_id}")
    plans = await open_actions(tx, [tenant_id])
    return Story(Tenant(**row), plans.get(tenant_id, []), ladder)


async def lock_stories_due(tx: Tx, now: datetime, most: int, ladder: Ladder) -> list[Story]:
    """Stories with something overdue, of tenants that no other transaction has locked."""
    found = await rows(queries.tenants_with_due_actions(tx, now=now, most=most, window=8 * most))
    plans = await open_actions(tx, [row["tenant_id"] for row in found])
    return [Story(Tenant(**row), plans.get(row["tenant_id"], []), ladder) for row in found]


async def open_actions(tx: ReadTx, tenant_ids: Sequence[UUID]) -> dict[UUID, list[Due]]:
    """The plans of these tenants, each soonest first."""
    found = await rows(queries.open_actions(tx, tenant_ids=list(tenant_ids)))
    found.sort(key=lambda row: row["tenant_id"])
    return {
        tenant_id: [Due(row["due_at"], Action(row["action"]), row["cause"], row["product"]) for row in group]
        for tenant_id, group in groupby(found, key=lambda row: row["tenant_id"])
    }


async def change_tenants(tx: Tx, changed: Sequence[Tenant]) -> None:
    """Write what may change of each."""
    await queries.change_tenants(
        tx, **{name: [getattr(tenant, name) for tenant in changed] for name in CHANGING}
    )
