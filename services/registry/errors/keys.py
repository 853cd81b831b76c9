"""Errors about API keys."""

from chassis.errors import Conflict, DomainError, Invalid, NotFound


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
