"""What the registry says: tenants, entitlements, members, devices, API keys, products."""

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


class MemberEvent(Event):
    """An event about one member of a tenant. No address travels on the bus."""

    aggregate: ClassVar = "member"
    aggregate_field: ClassVar = "member_id"

    tenant_id: UUID
    member_id: str
    """The member's `sub` at the identity provider."""


class MemberInvitedV1(MemberEvent):
    """A member was invited; the invitation's mail is the notifier's."""

    type: ClassVar = "registry.member.invited.v1"

    org_roles: tuple[str, ...]
    backoffice_roles: tuple[str, ...]
    properties: tuple[str, ...]


class MemberJoinedV1(MemberEvent):
    """A member can sign in."""

    type: ClassVar = "registry.member.joined.v1"

    org_roles: tuple[str, ...]
    backoffice_roles: tuple[str, ...]
    properties: tuple[str, ...]


class MemberScopeChangedV1(MemberEvent):
    """The member's whole scope after a change: where it may work, and as what."""

    type: ClassVar = "registry.member.scope_changed.v1"

    backoffice_roles: tuple[str, ...]
    properties: tuple[str, ...]


class MemberDeactivatedV1(MemberEvent):
    """The member may no longer come in."""

    type: ClassVar = "registry.member.deactivated.v1"


class DeviceEvent(Event):
    """An event about one enrolled desktop installation."""

    aggregate: ClassVar = "device"
    aggregate_field: ClassVar = "device_id"

    tenant_id: UUID
    device_id: UUID
    jkt: str
    """RFC 7638 thumbprint of the device's public key."""


class DeviceEnrolledV1(DeviceEvent):
    """A device proved possession of its key, vouched for by a member with a second factor."""

    type: ClassVar = "registry.device.enrolled.v1"

    member_id: str
    property: str
    cohort: str


class DeviceRevokedV1(DeviceEvent):
    """The device may no longer come in; its sessions end."""

    type: ClassVar = "registry.device.revoked.v1"

    reason: str


class ApiKeyEvent(Event):
    """An event about one API key. Neither the key nor anything computed from it travels on the bus."""

    aggregate: ClassVar = "api_key"
    aggregate_field: ClassVar = "key_id"

    tenant_id: UUID
    key_id: UUID


class ApiKeyCreatedV1(ApiKeyEvent):
    """A key was issued; `predecessor_id` names the one that it replaces after a rotation."""

    type: ClassVar = "registry.api_key.created.v1"

    project_id: str
    product: str
    scopes: tuple[str, ...]
    expires_at: Time | None
    predecessor_id: UUID | None


class ApiKeyRotatedV1(ApiKeyEvent):
    """The key has a successor and ends at `retires_at`. Answers about it that were kept are stale from now on."""

    type: ClassVar = "registry.api_key.rotated.v1"

    successor_id: UUID
    retires_at: Time


class ApiKeyRevokedV1(ApiKeyEvent):
    """The key opens nothing any more. Answers about it that were kept are stale from now on."""

    type: ClassVar = "registry.api_key.revoked.v1"

    reason: Literal["revoked", "leaked"]
    revoked_at: Time


class ApiKeyExpiringV1(ApiKeyEvent):
    """The key ends in `days_left` days (14, 3, or 0: now) and has no successor. Said once for each of them."""

    type: ClassVar = "registry.api_key.expiring.v1"

    days_left: int
    expires_at: Time
    warned_at: Time


class ProductPublishedV1(Event):
    """A product's manifest of this version is in the catalogue."""

    type: ClassVar = "registry.product.published.v1"
    aggregate: ClassVar = "product"
    aggregate_field: ClassVar = "key"

    tenant_id: None = None
    key: str
    version: str
    frontend: Literal["interactive", "widget", "headless"]
    checksum: str


class ProductRetiredV1(Event):
    """Nobody can buy the product any more."""

    type: ClassVar = "registry.product.retired.v1"
    aggregate: ClassVar = "product"
    aggregate_field: ClassVar = "key"

    tenant_id: None = None
    key: str
    version: str


class UsageQuotaReachedV1(Event):
    """A tenant in trial has used up what the product gives away; said once per metric."""

    type: ClassVar = "registry.usage.quota_reached.v1"
    aggregate: ClassVar = "tenant"
    aggregate_field: ClassVar = "tenant_id"

    tenant_id: UUID
    product: str
    metric: str
    quota: int
    reached_at: Time


class FlagChangedV1(Event):
    """A flag has this value for the platform (tenant null) or for one tenant; null when it was cleared.

    The aggregate is the flag in that scope: versions are compared per tenant.
    """

    type: ClassVar = "registry.flag.changed.v1"
    aggregate: ClassVar = "flag"
    aggregate_field: ClassVar = "name"

    name: str
    value: bool | str | int | None


class VersionFloorChangedV1(Event):
    """The lowest version that may come in, per platform and channel; advisory below `advise`, refused below `enforce`.

    Without `advise`, `enforce` and `block` the floor was cleared. The aggregate is the floor in its scope.
    """

    type: ClassVar = "registry.version_floor.changed.v1"
    aggregate: ClassVar = "version_floor"
    aggregate_field: ClassVar = "platform"

    platform: str
    channel: str
    advise: str | None
    enforce: str | None
    block: tuple[str, ...]
    effective_at: Time

    @property
    def aggregate_id(self) -> str:
        """Channels of a platform have floors of their own."""
        return f"{self.platform}/{self.channel}"


class RegistrySourceHeartbeatV1(Event):
    """The registry's last number, said regularly so that a hole at the end is seen."""

    type: ClassVar = "registry.source.heartbeat.v1"
    aggregate: ClassVar = "source"
    aggregate_field: ClassVar = "source"

    tenant_id: None = None
    source: str
    epoch: str
    last_seq: int


EVENTS: tuple[type[Event], ...] = (
    TenantCreatedV1,
    TenantTrialStartedV1,
    TenantActivatedV1,
    TenantTrialExpiringV1,
    TenantPlanChangedV1,
    TenantHoldPlacedV1,
    TenantHoldReleasedV1,
    TenantFrozenV1,
    TenantReactivatedV1,
    TenantArchivedV1,
    TenantDeletedV1,
    EntitlementsChangedV1,
    MemberInvitedV1,
    MemberJoinedV1,
    MemberScopeChangedV1,
    MemberDeactivatedV1,
    DeviceEnrolledV1,
    DeviceRevokedV1,
    ApiKeyCreatedV1,
    ApiKeyRotatedV1,
    ApiKeyRevokedV1,
    ApiKeyExpiringV1,
    ProductPublishedV1,
    ProductRetiredV1,
    UsageQuotaReachedV1,
    FlagChangedV1,
    VersionFloorChangedV1,
    RegistrySourceHeartbeatV1,
)
