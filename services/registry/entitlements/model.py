"""What a tenant may use, and the rule that decided. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.registry.catalogue.manifest import Manifest
from services.registry.tenants.model import Tenant


@dataclass(frozen=True, slots=True)
class Grant:
    """What is written down for one tenant and product."""

    enabled: bool
    source: str
    expires_at: datetime | None
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, and why; `is_read_only` where the tenant may look but not write."""

    product: str
    is_entitled: bool
    rule: str
    source: str | None
    expires_at: datetime | None
    is_read_only: bool
    config: Mapping[str, Any]


def decide(
    tenant: Tenant, manifest: Manifest, *, is_retired: bool, grant: Grant | None, now: datetime
) -> Decision:
    """The first rule that applies decides."""
    is_entitled, rule = ruling(tenant, manifest, is_retired, grant, now)
    return Decision(
        product=manifest.key,
        is_entitled=is_entitled,
        rule=rule,
        source=grant.source if grant else None,
        expires_at=grant.expires_at if grant else None,
        is_read_only=is_entitled and tenant.status == "frozen",
        config=grant.config if grant else {},
    )


def ruling(  # noqa: PLR0911  # one line for each rule
    tenant: Tenant, manifest: Manifest, is_retired: bool, grant: Grant | None, now: datetime
) -> tuple[bool, str]:
    if is_retired:
        return False, "the product has left the catalogue"
    if tenant.status == "archived":
        return False, "the tenant is archived"
    if grant is None:
        return False, "never granted"
    if not grant.enabled:
        return False, f"taken away by {grant.source}"
    if grant.expires_at is not None and grant.expires_at <= now:
        return False, f"{grant.source} ended on {grant.expires_at:%Y-%m-%d}"
    if grant.source == "trial" and tenant.status == "trial" and not manifest.in_trial:
        return False, "the product is not part of trials"
    if grant.source == "override":
        return True, "granted by an operator"
    return True, f"granted by {grant.source}"
