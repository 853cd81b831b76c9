"""What a tenant may use after it was granted or bought something."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis import outbox
from chassis.db import Tx, rows
from contracts.registry import EntitledProduct, EntitlementsChangedV1
from services.registry.entitlements.store import queries
from services.registry.tenants.model import Tenant


async def grant_trial(tx: Tx, tenant_id: UUID, products: Sequence[str], ends_at: datetime) -> None:
    """Every product for as long as the trial lasts."""
    for key in products:
        await queries.grant_product(
            tx, tenant_id=tenant_id, product_key=key, source="trial", expires_at=ends_at
        )


async def replace(tx: Tx, tenant: Tenant, products: Sequence[str], reason: str) -> None:
    """The tenant, whose `ent_v` has just grown, may use exactly these."""
    for key in products:
        await queries.grant_product(
            tx, tenant_id=tenant.tenant_id, product_key=key, source="order", expires_at=None
        )
    await queries.revoke_other_products(tx, tenant_id=tenant.tenant_id, kept=list(products))
    changed = EntitlementsChangedV1(
        tenant_id=tenant.tenant_id,
        ent_v=tenant.ent_v,
        plan=tenant.plan,  # type: ignore[arg-type]  # a CHECK keeps it a plan
        products=tuple(EntitledProduct(key=key, enabled=True, expires_at=None) for key in sorted(products)),
        reason=reason,
    )
    await outbox.add(tx, changed, aggregate_version=tenant.row_version)


async def keys_of(tx: Tx, tenant_id: UUID) -> list[str]:
    """Keys of the enabled products."""
    found = await rows(queries.products_of_tenant(tx, tenant_id=tenant_id))
    return [row["product_key"] for row in found if row["enabled"]]
