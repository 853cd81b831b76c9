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

from chassis.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Unauthorized


class TenantNotFound(NotFound):
    """There is no such tenant, or it is not the caller's."""

    code = "REGISTRY.TENANT_NOT_FOUND"


class SlugTaken(Conflict):
    """Another tenant has the slug, or it is reserved."""

    code = "REGISTRY.SLUG_TAKEN"


class CustomerTaken(Conflict):
    """Another tenant belongs to this customer of the ERP."""

    code = "REGISTRY.CUSTOMER_TAKEN"


class AddressTaken(Conflict):
    """The e-mail address belongs to a member of another tenant."""

    code = "REGISTRY.ADDRESS_TAKEN"


class IllegalTransition(Conflict):
    """The transition table has no such move."""

    code = "REGISTRY.ILLEGAL_TRANSITION"


class SlugMismatch(Invalid):
    """The slug typed for confirmation is not the tenant's."""

    code = "REGISTRY.SLUG_MISMATCH"


class AlreadyHeld(Conflict):
    """A hold is in force."""

    code = "REGISTRY.ALREADY_HELD"


class NotHeld(Conflict):
    """No hold is in force."""

    code = "REGISTRY.NOT_HELD"


class HoldTooLong(Invalid):
    """A hold lasts so many days at most."""

    code = "REGISTRY.HOLD_TOO_LONG"


class BadSignature(Unauthorized):
    """The webhook is not the ERP's."""

    code = "REGISTRY.BAD_SIGNATURE"


class StaleOrder(Conflict):
    """A newer version of the order was applied."""

    code = "REGISTRY.STALE_ORDER"


class OrderNotSubmitted(Invalid):
    """The ERP itself says that the order is not submitted, or does not know it."""

    code = "REGISTRY.ORDER_NOT_SUBMITTED"


class ProductUnknown(Invalid):
    """The catalogue has no such product."""

    code = "REGISTRY.PRODUCT_UNKNOWN"


class ProductNotFound(NotFound):
    """The catalogue has no such product."""

    code = "REGISTRY.PRODUCT_NOT_FOUND"


class UsageRefused(Invalid):
    """The batch says something that cannot be."""

    code = "REGISTRY.USAGE_REFUSED"


class VersionNotNewer(Conflict):
    """A published version never changes."""

    code = "REGISTRY.VERSION_NOT_NEWER"


class BreakingManifest(Invalid):
    """Somebody relies on what this manifest takes away."""

    code = "REGISTRY.BREAKING_MANIFEST"


class ChallengeInvalid(Invalid):
    """The challenge is unknown, used, too old, or its signature is wrong."""

    code = "REGISTRY.CHALLENGE_INVALID"


class DeviceNotFound(NotFound):
    """There is no such device."""

    code = "REGISTRY.DEVICE_NOT_FOUND"


class TenantFrozen(DomainError):
    """Nothing new is made for a tenant that is frozen or archived."""

    code = "REGISTRY.TENANT_FROZEN"
    status = 402


class ApiKeyNotFound(NotFound):
    """There is no such key, or it is another tenant's."""

    code = "REGISTRY.API_KEY_NOT_FOUND"


class ApiKeyNotInUse(Conflict):
    """The key is revoked, has expired or was rotated already."""

    code = "REGISTRY.API_KEY_NOT_IN_USE"


class ExpiryInvalid(Invalid):
    """The expiry has passed, or is too far away."""

    code = "REGISTRY.EXPIRY_INVALID"


class OverlapTooLong(Invalid):
    """Two keys of one rotation live side by side for so long at most."""

    code = "REGISTRY.OVERLAP_TOO_LONG"


class TooManyReports(DomainError):
    """More reports of leaks in a moment than this process takes."""

    code = "REGISTRY.TOO_MANY_REPORTS"
    status = 429


class FlagUnknown(NotFound):
    """No flag of this name is declared."""

    code = "REGISTRY.FLAG_UNKNOWN"


class FlagScopeWrong(Invalid):
    """The flag has one value for the whole platform."""

    code = "REGISTRY.FLAG_SCOPE_WRONG"


class FlagValueWrong(Invalid):
    """The value is not of the flag's kind."""

    code = "REGISTRY.FLAG_VALUE_WRONG"


class FlagNotSet(Conflict):
    """There is no value to clear."""

    code = "REGISTRY.FLAG_NOT_SET"


class FloorInvalid(Invalid):
    """The versions are none, or contradict each other."""

    code = "REGISTRY.FLOOR_INVALID"


class FloorNotSet(Conflict):
    """There is no floor to clear."""

    code = "REGISTRY.FLOOR_NOT_SET"


class DemoResetDue(Conflict):
    """The demo tenant is being put back, or will be in a moment."""

    code = "REGISTRY.DEMO_RESET_DUE"


class LeaseNotFound(NotFound):
    """Nobody holds the reset off."""

    code = "REGISTRY.LEASE_NOT_FOUND"


class LeadNotFound(NotFound):
    """There is no such lead, or it is another's."""

    code = "REGISTRY.LEAD_NOT_FOUND"


class LeadClosed(Conflict):
    """The lead has its outcome."""

    code = "REGISTRY.LEAD_CLOSED"


class NoTenant(Forbidden):
    """Who asks is a member of no tenant."""

    code = "REGISTRY.NO_TENANT"


class TrialLinkInvalid(NotFound):
    """Not one of ours, or long forgotten."""

    code = "REGISTRY.TRIAL_LINK_INVALID"


class TrialLinkExpired(DomainError):
    """The link was not used in its time."""

    code = "REGISTRY.TRIAL_LINK_EXPIRED"
    status = 410


class TrialLinkUsed(Conflict):
    """A link works once."""

    code = "REGISTRY.TRIAL_LINK_USED"


class TooManyTrials(DomainError):
    """More requests for trials in a moment than this process takes."""

    code = "REGISTRY.TOO_MANY_TRIALS"
    status = 429
