"""Errors about tenants and their life."""

from chassis.errors import Conflict, DomainError, Invalid, NotFound


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


class TenantFrozen(DomainError):
    """Nothing new is made for a tenant that is frozen or archived."""

    code = "REGISTRY.TENANT_FROZEN"
    status = 402
