"""What a tenant may use after it was granted or bought something, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx
from services.registry.catalogue.store import queries as catalogue
from services.registry.entitlements.granted import Granted
from services.registry.entitlements.model import Decision
from services.registry.entitlements.store import queries
from services.registry.errors import ProductNotFound
from services.registry.tenants import lifecycle
from services.registry.tenants.model import Story, Tenant


async def grant_trial(tx: Tx, tenant_id: UUID, products: Sequence[str], ends_at: datetime) -> None:
    """Every product for as long as the trial lasts."""
    for key in products:
        await queries.grant_product(
            tx, tenant_id=tenant_id, product_key=key, source="trial", expires_at=ends_at
        )


async def replace(tx: Tx, tenant: Tenant, products: Sequence[str], reason: str, now: datetime) -> None:
    """The tenant, whose `ent_v` has just grown, may use exactly these, and what an operator granted by hand."""
    for key in products:
        await queries.grant_product(
            tx, tenant_id=tenant.tenant_id, product_key=key, source="order", expires_at=None
        )
    await queries.revoke_other_products(tx, tenant_id=tenant.tenant_id, kept=list(products))
    await tell(tx, tenant, reason, now)


async def override(
    tx: Tx,
    story: Story,
    product: str,
    *,
    enabled: bool,
    expires_at: datetime | None,
    config: Mapping[str, Any],
    reason: str,
    now: datetime,
) -> Tenant:
    """Grant a product by hand, or take it away, whatever was bought. Raises ProductNotFound."""
    if await catalogue.product_by_key(tx, key=product) is None:
        raise ProductNotFound(f"the catalogue has no product {product!r}")
    has_end = enabled and expires_at is not None and expires_at > now
    story.end_grant(product, expires_at if has_end else None)
    story.change(now, reason, ent_v=story.tenant.ent_v + 1)
    await lifecycle.record(tx, [story], now)
    tenant = story.tenant
    await queries.put_override(
        tx,
        tenant_id=tenant.tenant_id,
        product_key=product,
        enabled=enabled,
        expires_at=expires_at,
        config=dict(config),
        reason=reason,
    )
    await tell(tx, tenant, reason, now)
    return tenant


async def tell(tx: Tx, tenant: Tenant, reason: str, now: datetime) -> None:
    """Say what the tenant may use from now on."""
    granted = await Granted.read(tx, [tenant.tenant_id])
    await outbox.add(tx, granted.said(tenant, reason, now), aggregate_version=tenant.row_version)


async def explain(tx: ReadTx, tenant: Tenant, now: datetime) -> list[Decision]:
    """Every product of the catalogue: yes or no, and the rule that decided."""
    return (await Granted.read(tx, [tenant.tenant_id])).decisions(tenant, now)


async def keys_of(tx: ReadTx, tenant: Tenant, now: datetime) -> list[str]:
    """Keys of what the tenant is entitled to."""
    return [decision.product for decision in await explain(tx, tenant, now) if decision.is_entitled]
