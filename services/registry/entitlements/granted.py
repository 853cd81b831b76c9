"""What tenants were granted, read once, and what follows from it at any time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from chassis.db import ReadTx, rows
from contracts.registry import EntitledProduct, EntitlementsChangedV1
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.entitlements.model import Decision, Grant, decide
from services.registry.entitlements.store import queries
from services.registry.tenants.model import Tenant


@dataclass(frozen=True, slots=True)
class Granted:
    """Rows of the catalogue, and the grants of some tenants by product."""

    catalogue: Sequence[Mapping[str, Any]]
    grants: Mapping[UUID, Mapping[str, Grant]]

    @classmethod
    async def read(cls, tx: ReadTx, tenant_ids: Sequence[UUID]) -> Self:
        grants: defaultdict[UUID, dict[str, Grant]] = defaultdict(dict)
        for row in await rows(queries.products_of_tenants(tx, tenant_ids=list(tenant_ids))):
            grant = Grant(row["enabled"], row["source"], row["expires_at"], row["config"])
            grants[row["tenant_id"]][row["product_key"]] = grant
        return cls(await rows(catalogue.all_products(tx)), grants)

    def decisions(self, tenant: Tenant, at: datetime) -> list[Decision]:
        """Every product of the catalogue: yes or no, and the rule that decided."""
        granted = self.grants.get(tenant.tenant_id, {})
        return [
            decide(
                tenant,
                manifest_of(row),
                is_retired=row["status"] == "retired",
                grant=granted.get(row["key"]),
                now=at,
            )
            for row in self.catalogue
        ]

    def said(self, tenant: Tenant, reason: str, at: datetime) -> EntitlementsChangedV1:
        """The whole set, so that who missed an earlier event needs no other."""
        return EntitlementsChangedV1(
            tenant_id=tenant.tenant_id,
            ent_v=tenant.ent_v,
            plan=tenant.plan,  # type: ignore[arg-type]  # a CHECK keeps it a plan
            products=tuple(
                EntitledProduct(key=decision.product, enabled=True, expires_at=decision.expires_at)
                for decision in self.decisions(tenant, at)
                if decision.is_entitled
            ),
            reason=reason,
        )
