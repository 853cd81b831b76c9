"""The rules of a tenant's life. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

TRANSITIONS: dict[str, dict[str, str]] = {
    "trial": {"sales_order": "active", "payment": "active", "trial_expired": "frozen"},
    "active": {"cancelled": "frozen", "non_payment": "frozen", "contract_end": "frozen"},
    "frozen": {
        "sales_order": "active",
        "payment": "active",
        "reactivation": "active",
        "grace_over": "archived",
    },
    "archived": {},
}
"""Status → trigger → status: the only legal moves of a real tenant. A demo tenant never moves."""

RESERVED_SLUGS = frozenset(
    {"www", "api", "admin", "demo", "backstage", "static", "status", "support", "tenantry"}
)
ITEM_CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as it is stored."""

    tenant_id: UUID
    slug: str
    name: str
    kind: str
    status: str
    plan: str
    locale: str
    time_zone: str
    org_id: str
    erp_customer_id: str | None
    trial_ends_at: datetime | None
    contract_start: date | None
    contract_end: date | None
    ent_v: int
    row_version: int


def allowed_triggers(tenant: Tenant) -> dict[str, str]:
    """What can move this tenant, and where to."""
    return {} if tenant.kind == "demo" else TRANSITIONS[tenant.status]
