"""Use cases of usage: count a batch once, say when a trial's quota is used up, tell the series."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, rows
from contracts.registry import UsageQuotaReachedV1
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.errors import UsageRefused
from services.registry.projects.rules import require_usable
from services.registry.tenants import store
from services.registry.tenants.model import Tenant
from services.registry.usage.store import queries


@dataclass(frozen=True, slots=True)
class Used:
    """So much of one metric, on one day."""

    project: str
    metric: str
    day: date
    quantity: int


async def count(
    tx: Tx, tenant_id: UUID, product: str, batch_id: UUID, used: Sequence[Used], now: datetime
) -> bool:
    """Add the batch to the days' totals; False where it was counted before.

    Raises TenantNotFound, UsageRefused, ProjectRefused.
    """
    tenant = await store.tenant(tx, tenant_id)
    refuse_times(tenant, used, now)
    claimed = await queries.claim_batch(
        tx, tenant_id=tenant_id, product_key=product, batch_id=batch_id, received_at=now
    )
    if claimed is None:
        return False
    named = {f"/items/{index}/project": one.project for index, one in enumerate(used)}
    await require_usable(tx, tenant_id, product, named)
    summed: Counter[tuple[str, str, date]] = Counter()
    for one in used:
        summed[(one.project, one.metric, one.day)] += one.quantity
    keys = sorted(summed)  # one order for all, so that two batches never wait for each other in a circle
    await queries.add_usage(
        tx,
        tenant_id=tenant_id,
        product_key=product,
        projects=[project for project, _, _ in keys],
        metrics=[metric for _, metric, _ in keys],
        days=[day for _, _, day in keys],
        quantities=[summed[key] for key in keys],
    )
    if tenant.status == "trial":
        await check_quota(tx, tenant, product, now)
    return True


def refuse_times(tenant: Tenant, used: Sequence[Used], now: datetime) -> None:
    """Raises UsageRefused for days before the tenant was made, or that have not begun anywhere."""
    first, last = tenant.created_at.date(), now.date()
    for index, one in enumerate(used):
        if not first.toordinal() - 1 <= one.day.toordinal() <= last.toordinal() + 1:
            fault = {
                "pointer": f"/items/{index}/at",
                "code": "day",
                "detail": f"from {first} to {last}",
            }
            raise UsageRefused(f"items/{index}: {one.day} is out of range", errors=[fault])


async def check_quota(tx: Tx, tenant: Tenant, product: str, now: datetime) -> None:
    """Once per metric: the trial has used up what the manifest gives away."""
    row = await catalogue.product_by_key(tx, key=product)
    quotas = manifest_of(row).trial_quota if row is not None else {}
    totals = {
        total["metric"]: total["quantity"]
        for total in await rows(
            queries.totals_since(
                tx, tenant_id=tenant.tenant_id, product_key=product, since=tenant.created_at.date()
            )
        )
    }
    for metric, quota in sorted(quotas.items()):
        if totals.get(metric, 0) < quota:
            continue
        words: dict[str, Any] = {"metric": metric, "quota": quota, "reached_at": now}
        first = await queries.reach_quota(tx, tenant_id=tenant.tenant_id, product_key=product, **words)
        if first is not None:
            reached = UsageQuotaReachedV1(tenant_id=tenant.tenant_id, product=product, **words)
            await outbox.add(tx, reached, aggregate_version=tenant.row_version)


async def series(tx: ReadTx, tenant_id: UUID, product: str | None, since: date) -> list[dict[str, Any]]:
    """Daily totals after `since`, by product, metric, day and project. Raises TenantNotFound."""
    await store.tenant(tx, tenant_id)
    return await rows(queries.series(tx, tenant_id=tenant_id, product_key=product, since=since))
