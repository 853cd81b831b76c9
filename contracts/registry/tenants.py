"""What happens to tenants as wholes, their entitlements included."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Part, Time

TenantKind = Literal["real", "demo"]
TenantStatus = Literal["trial", "active", "frozen", "archived"]
Plan = Literal["trial", "starter", "professional", "enterprise"]


class TenantEvent(Event):
    """An event about one tenant as a whole."""

    aggregate: ClassVar = "tenant"
    aggregate_field: ClassVar = "tenant_id"

    tenant_id: UUID


class TenantCreatedV1(TenantEvent):
    """A tenant exists. Said once, before anything else about it; its organisation at the identity provider exists too."""

    type: ClassVar = "registry.tenant.created.v1"

    slug: str
    name: str
    kind: TenantKind
    status: TenantStatus
    plan: Plan
    locale: str
    time_zone: str
    org_id: str


class TenantTrialStartedV1(TenantEvent):
    """The tenant's trial runs until `trial_ends_at`."""

    type: ClassVar = "registry.tenant.trial_started.v1"

    trial_ends_at: Time
    products: tuple[str, ...]


class TenantActivatedV1(TenantEvent):
    """The tenant is active: a sales order, a payment or an operator made it so. Entitlements are granted with it."""

    type: ClassVar = "registry.tenant.activated.v1"

    slug: str
    plan: Plan
    products: tuple[str, ...]
    source: Literal["sales_order", "payment", "operator"]
    sales_order: str | None
    contract_start: date | None
    contract_end: date | None
    ent_v: int
    locale: str
    activated_at: Time


class TenantTrialExpiringV1(TenantEvent):
    """The trial ends soon; said on the days that the ladder names (7 and 12). `warned_at` is that day's instant."""

    type: ClassVar = "registry.tenant.trial_expiring.v1"

    trial_ends_at: Time
    warned_at: Time


class TenantPlanChangedV1(TenantEvent):
    """An active tenant bought something else: another plan, other products or another term."""

    type: ClassVar = "registry.tenant.plan_changed.v1"

    old_plan: Plan
    plan: Plan
    products: tuple[str, ...]
    contract_end: date | None
    ent_v: int
    changed_at: Time


class TenantHoldPlacedV1(TenantEvent):
    """Nothing destructive happens to the tenant by itself before `held_until`."""

    type: ClassVar = "registry.tenant.hold_placed.v1"

    hold_id: UUID
    held_until: Time


class TenantHoldReleasedV1(TenantEvent):
    """The hold is over before its time."""

    type: ClassVar = "registry.tenant.hold_released.v1"

    hold_id: UUID


class TenantFrozenV1(TenantEvent):
    """Reads and exports go on, writes are refused; what ends it depends on `frozen_reason`."""

    type: ClassVar = "registry.tenant.frozen.v1"

    frozen_reason: Literal["cancelled", "trial_expired", "non_payment", "contract_end"]
    frozen_at: Time
    archive_at: Time


class TenantReactivatedV1(TenantEvent):
    """A frozen tenant is active again; nothing was lost."""

    type: ClassVar = "registry.tenant.reactivated.v1"

    reactivated_at: Time


class TenantArchivedV1(TenantEvent):
    """The grace is over; products have erased the tenant's data."""

    type: ClassVar = "registry.tenant.archived.v1"

    archived_at: Time
    delete_at: Time


class TenantDeletedV1(TenantEvent):
    """Only a tombstone remains. Every service but audit erases the tenant's rows and ignores later events about it."""

    type: ClassVar = "registry.tenant.deleted.v1"

    deleted_at: Time


class EntitledProduct(Part):
    """One product in a tenant's entitlements."""

    key: str
    enabled: bool
    expires_at: Time | None


class EntitlementsChangedV1(TenantEvent):
    """The tenant's whole entitlement set after a change; `ent_v` grows with every change."""

    type: ClassVar = "registry.entitlements.changed.v1"

    ent_v: int
    plan: Plan
    products: tuple[EntitledProduct, ...]
    reason: str
