"""Errors about orders, leads, trials and the demo tenant."""

from chassis.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Unauthorized


class BadSignature(Unauthorized):
    """The webhook is not the ERP's."""

    code = "REGISTRY.BAD_SIGNATURE"


class StaleOrder(Conflict):
    """A newer version of the order was applied."""

    code = "REGISTRY.STALE_ORDER"


class OrderNotSubmitted(Invalid):
    """The ERP itself says that the order is not submitted, or does not know it."""

    code = "REGISTRY.ORDER_NOT_SUBMITTED"


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
