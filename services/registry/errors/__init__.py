"""Errors of the registry.

DomainError
├── TenantNotFound     404 REGISTRY.TENANT_NOT_FOUND
├── SlugTaken          409 REGISTRY.SLUG_TAKEN
├── CustomerTaken      409 REGISTRY.CUSTOMER_TAKEN
├── AddressTaken       409 REGISTRY.ADDRESS_TAKEN
├── IllegalTransition  409 REGISTRY.ILLEGAL_TRANSITION, with allowed_transitions
├── SlugMismatch       422 REGISTRY.SLUG_MISMATCH
├── AlreadyHeld        409 REGISTRY.ALREADY_HELD
├── NotHeld            409 REGISTRY.NOT_HELD
├── HoldTooLong        422 REGISTRY.HOLD_TOO_LONG
├── BadSignature       401 REGISTRY.BAD_SIGNATURE
├── StaleOrder         409 REGISTRY.STALE_ORDER
├── OrderNotSubmitted  422 REGISTRY.ORDER_NOT_SUBMITTED
├── ProductUnknown     422 REGISTRY.PRODUCT_UNKNOWN
├── ProductNotFound    404 REGISTRY.PRODUCT_NOT_FOUND
├── UsageRefused       422 REGISTRY.USAGE_REFUSED
├── VersionNotNewer    409 REGISTRY.VERSION_NOT_NEWER
├── BreakingManifest   422 REGISTRY.BREAKING_MANIFEST, with what would break
├── ChallengeInvalid   422 REGISTRY.CHALLENGE_INVALID
├── DeviceNotFound     404 REGISTRY.DEVICE_NOT_FOUND
├── TenantFrozen       402 REGISTRY.TENANT_FROZEN
├── ApiKeyNotFound     404 REGISTRY.API_KEY_NOT_FOUND
├── ApiKeyNotInUse     409 REGISTRY.API_KEY_NOT_IN_USE
├── ExpiryInvalid      422 REGISTRY.EXPIRY_INVALID
├── OverlapTooLong     422 REGISTRY.OVERLAP_TOO_LONG
├── TooManyReports     429 REGISTRY.TOO_MANY_REPORTS
├── FlagUnknown        404 REGISTRY.FLAG_UNKNOWN, with those that are declared
├── FlagScopeWrong     422 REGISTRY.FLAG_SCOPE_WRONG
├── FlagValueWrong     422 REGISTRY.FLAG_VALUE_WRONG, with what would be right
├── FlagNotSet         409 REGISTRY.FLAG_NOT_SET
├── FloorInvalid       422 REGISTRY.FLOOR_INVALID, with every fault and its place
├── FloorNotSet        409 REGISTRY.FLOOR_NOT_SET
├── ProjectNotFound    404 REGISTRY.PROJECT_NOT_FOUND
├── ProjectTaken       409 REGISTRY.PROJECT_TAKEN
├── ProjectArchived    409 REGISTRY.PROJECT_ARCHIVED
├── ProjectRefused     422 REGISTRY.PROJECT_REFUSED, with the place that names it
├── DefaultStays       409 REGISTRY.DEFAULT_PROJECT_STAYS
├── MemberNotFound     404 REGISTRY.MEMBER_NOT_FOUND
├── MemberDeactivated  409 REGISTRY.MEMBER_DEACTIVATED
├── LastItAdmin        409 REGISTRY.LAST_IT_ADMIN
├── PropertyNotFound   404 REGISTRY.PROPERTY_NOT_FOUND
├── PropertyUnknown    422 REGISTRY.PROPERTY_UNKNOWN, with the place that names it
├── PropertyTaken      409 REGISTRY.PROPERTY_TAKEN
├── PropertyInUse      409 REGISTRY.PROPERTY_IN_USE, with how many members and devices
├── ScopeNotFound      404 REGISTRY.SCOPE_NOT_FOUND
├── ScopesRefused      422 REGISTRY.SCOPES_REFUSED, with every fault and its row
├── ProductNotConnected 409 REGISTRY.PRODUCT_NOT_CONNECTED
├── ProbeRunning       409 REGISTRY.PROBE_RUNNING
├── ActionUnknown      404 REGISTRY.ACTION_UNKNOWN, with those of the manifest
├── NotEntitled        403 REGISTRY.NOT_ENTITLED, with the rule that decided
├── DemoResetDue       409 REGISTRY.DEMO_RESET_DUE
├── LeaseNotFound      404 REGISTRY.LEASE_NOT_FOUND
├── LeadNotFound       404 REGISTRY.LEAD_NOT_FOUND
├── LeadClosed         409 REGISTRY.LEAD_CLOSED
├── NoTenant           403 REGISTRY.NO_TENANT
├── TrialLinkInvalid   404 REGISTRY.TRIAL_LINK_INVALID
├── TrialLinkExpired   410 REGISTRY.TRIAL_LINK_EXPIRED
├── TrialLinkUsed      409 REGISTRY.TRIAL_LINK_USED
└── TooManyTrials      429 REGISTRY.TOO_MANY_TRIALS
"""

from services.registry.errors.keys import (
    ApiKeyNotFound,
    ApiKeyNotInUse,
    ExpiryInvalid,
    OverlapTooLong,
    TooManyReports,
)
from services.registry.errors.people import (
    ChallengeInvalid,
    DeviceNotFound,
    LastItAdmin,
    MemberDeactivated,
    MemberNotFound,
    PropertyInUse,
    PropertyNotFound,
    PropertyTaken,
    PropertyUnknown,
    ScopeNotFound,
    ScopesRefused,
)
from services.registry.errors.products import (
    ActionUnknown,
    BreakingManifest,
    DefaultStays,
    NotEntitled,
    ProbeRunning,
    ProductNotConnected,
    ProductNotFound,
    ProductUnknown,
    ProjectArchived,
    ProjectNotFound,
    ProjectRefused,
    ProjectTaken,
    UsageRefused,
    VersionNotNewer,
)
from services.registry.errors.sales import (
    BadSignature,
    DemoResetDue,
    LeadClosed,
    LeadNotFound,
    LeaseNotFound,
    NoTenant,
    OrderNotSubmitted,
    StaleOrder,
    TooManyTrials,
    TrialLinkExpired,
    TrialLinkInvalid,
    TrialLinkUsed,
)
from services.registry.errors.switches import (
    FlagNotSet,
    FlagScopeWrong,
    FlagUnknown,
    FlagValueWrong,
    FloorInvalid,
    FloorNotSet,
)
from services.registry.errors.tenants import (
    AddressTaken,
    AlreadyHeld,
    CustomerTaken,
    HoldTooLong,
    IllegalTransition,
    NotHeld,
    SlugMismatch,
    SlugTaken,
    TenantFrozen,
    TenantNotFound,
)

__all__ = [
    "ActionUnknown",
    "AddressTaken",
    "AlreadyHeld",
    "ApiKeyNotFound",
    "ApiKeyNotInUse",
    "BadSignature",
    "BreakingManifest",
    "ChallengeInvalid",
    "CustomerTaken",
    "DefaultStays",
    "DemoResetDue",
    "DeviceNotFound",
    "ExpiryInvalid",
    "FlagNotSet",
    "FlagScopeWrong",
    "FlagUnknown",
    "FlagValueWrong",
    "FloorInvalid",
    "FloorNotSet",
    "HoldTooLong",
    "IllegalTransition",
    "LastItAdmin",
    "LeadClosed",
    "LeadNotFound",
    "LeaseNotFound",
    "MemberDeactivated",
    "MemberNotFound",
    "NoTenant",
    "NotEntitled",
    "NotHeld",
    "OrderNotSubmitted",
    "OverlapTooLong",
    "ProbeRunning",
    "ProductNotConnected",
    "ProductNotFound",
    "ProductUnknown",
    "ProjectArchived",
    "ProjectNotFound",
    "ProjectRefused",
    "ProjectTaken",
    "PropertyInUse",
    "PropertyNotFound",
    "PropertyTaken",
    "PropertyUnknown",
    "ScopeNotFound",
    "ScopesRefused",
    "SlugMismatch",
    "SlugTaken",
    "StaleOrder",
    "TenantFrozen",
    "TenantNotFound",
    "TooManyReports",
    "TooManyTrials",
    "TrialLinkExpired",
    "TrialLinkInvalid",
    "TrialLinkUsed",
    "UsageRefused",
    "VersionNotNewer",
]
