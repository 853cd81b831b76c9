"""Errors of the bff.

DomainError
├── ProofRefused        401 BFF.DPOP_INVALID (RFC 9449), with a nonce where one is wanted
├── BackofficeDisabled  503 BFF.BACKOFFICE_DISABLED, with Retry-After
├── TenantDisabled      403 BFF.TENANT_DISABLED
├── DeviceUnknown       403 BFF.DEVICE_UNKNOWN
├── MemberDeactivated   403 BFF.MEMBER_DEACTIVATED
├── MemberUnknown       403 BFF.MEMBER_UNKNOWN
├── RoleNeeded          403 BFF.ROLE_NEEDED
├── PropertyOutOfScope  403 BFF.PROPERTY_OUT_OF_SCOPE
├── SessionNotFound     404 BFF.SESSION_NOT_FOUND
└── SessionEnded        410 BFF.SESSION_ENDED, with the reason and when
"""

from chassis.errors import DomainError, Forbidden, NotFound, Unauthorized


class ProofRefused(Unauthorized):
    """The DPoP proof, or what it should be bound to, is not right."""

    code = "BFF.DPOP_INVALID"


class BackofficeDisabled(DomainError):
    """An operator has switched the door off, for this tenant or for all; it will be switched on again."""

    code = "BFF.BACKOFFICE_DISABLED"
    status = 503


class TenantDisabled(Forbidden):
    """The tenant may not come in now."""

    code = "BFF.TENANT_DISABLED"


class DeviceUnknown(Forbidden):
    """The device is not enrolled, or was revoked."""

    code = "BFF.DEVICE_UNKNOWN"


class MemberDeactivated(Forbidden):
    """The member was deactivated; it may come in again after it was added again."""

    code = "BFF.MEMBER_DEACTIVATED"


class MemberUnknown(Forbidden):
    """Neither we nor the registry know the member."""

    code = "BFF.MEMBER_UNKNOWN"


class RoleNeeded(Forbidden):
    """The endpoint is for other roles; `roles` names them, any of them would do."""

    code = "BFF.ROLE_NEEDED"


class PropertyOutOfScope(Forbidden):
    """The member does not work at this property."""

    code = "BFF.PROPERTY_OUT_OF_SCOPE"


class SessionNotFound(NotFound):
    """This member never opened such a session on this device."""

    code = "BFF.SESSION_NOT_FOUND"


class SessionEnded(DomainError):
    """The session was open and is not any more; a new one can be opened."""

    code = "BFF.SESSION_ENDED"
    status = 410
