"""Errors of a product.

DomainError
├── KeyRefused       401 PRODUCT.KEY_REFUSED, with the registry's code as `reason`
├── KeyTooNarrow     403 PRODUCT.KEY_TOO_NARROW, likewise
├── TenantFrozen     402 PRODUCT.TENANT_FROZEN
├── TooManyRequests  429 PRODUCT.TOO_MANY_REQUESTS
└── ActionUnknown    404 PRODUCT.ACTION_UNKNOWN
Transient
└── RegistryUnavailable  a key cannot be verified now
"""

from chassis.errors import DomainError, Forbidden, NotFound, Transient, Unauthorized


class KeyRefused(Unauthorized):
    """The API key is none, has ended or was revoked."""

    code = "PRODUCT.KEY_REFUSED"


class KeyTooNarrow(Forbidden):
    """The API key is another product's, another tenant's, or may not do this."""

    code = "PRODUCT.KEY_TOO_NARROW"


class TenantFrozen(DomainError):
    """The tenant's writes are refused; reads and exports go on."""

    code = "PRODUCT.TENANT_FROZEN"
    status = 402


class TooManyRequests(DomainError):
    """The registry says that this key is used too often."""

    code = "PRODUCT.TOO_MANY_REQUESTS"
    status = 429


class ActionUnknown(NotFound):
    """The manifest names no such action."""

    code = "PRODUCT.ACTION_UNKNOWN"


class RegistryUnavailable(Transient):
    """The registry did not answer, or not in a way that can be read."""
