"""Errors of the registry.

DomainError
├── TenantNotFound     404 REGISTRY.TENANT_NOT_FOUND
├── SlugTaken          409 REGISTRY.SLUG_TAKEN
├── AddressTaken       409 REGISTRY.ADDRESS_TAKEN
├── IllegalTransition  409 REGISTRY.ILLEGAL_TRANSITION, with allowed_transitions
├── BadSignature       401 REGISTRY.BAD_SIGNATURE
├── StaleOrder         409 REGISTRY.STALE_ORDER
├── OrderNotSubmitted  422 REGISTRY.ORDER_NOT_SUBMITTED
├── ChallengeInvalid   422 REGISTRY.CHALLENGE_INVALID
└── DeviceNotFound     404 REGISTRY.DEVICE_NOT_FOUND
"""

from chassis.errors import Conflict, Invalid, NotFound, Unauthorized


class TenantNotFound(NotFound):
    """There is no such tenant, or it is not the caller's."""

    code = "REGISTRY.TENANT_NOT_FOUND"


class SlugTaken(Conflict):
    """Another tenant has the slug, or it is reserved."""

    code = "REGISTRY.SLUG_TAKEN"


class AddressTaken(Conflict):
    """The e-mail address belongs to a member of another tenant."""

    code = "REGISTRY.ADDRESS_TAKEN"


class IllegalTransition(Conflict):
    """The transition table has no such move."""

    code = "REGISTRY.ILLEGAL_TRANSITION"


class BadSignature(Unauthorized):
    """The webhook is not the ERP's."""

    code = "REGISTRY.BAD_SIGNATURE"


class StaleOrder(Conflict):
    """A newer version of the order was applied."""

    code = "REGISTRY.STALE_ORDER"


class OrderNotSubmitted(Invalid):
    """The ERP itself says that the order is not submitted, or does not know it."""

    code = "REGISTRY.ORDER_NOT_SUBMITTED"


class ChallengeInvalid(Invalid):
    """The challenge is unknown, used, too old, or its signature is wrong."""

    code = "REGISTRY.CHALLENGE_INVALID"


class DeviceNotFound(NotFound):
    """There is no such device."""

    code = "REGISTRY.DEVICE_NOT_FOUND"
