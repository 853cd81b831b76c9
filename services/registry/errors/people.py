"""Errors about members, where they work, and their devices."""

from chassis.errors import Conflict, Invalid, NotFound


class MemberNotFound(NotFound):
    """The tenant has no such member."""

    code = "REGISTRY.MEMBER_NOT_FOUND"


class MemberDeactivated(Conflict):
    """The member is to be added again before anything of it is changed."""

    code = "REGISTRY.MEMBER_DEACTIVATED"


class LastItAdmin(Conflict):
    """Nobody would be left who may add members."""

    code = "REGISTRY.LAST_IT_ADMIN"


class PropertyNotFound(NotFound):
    """The tenant has no such property."""

    code = "REGISTRY.PROPERTY_NOT_FOUND"


class PropertyUnknown(Invalid):
    """What names the property cannot be there: the tenant has none of this code."""

    code = "REGISTRY.PROPERTY_UNKNOWN"


class PropertyTaken(Conflict):
    """The tenant has a property of this code."""

    code = "REGISTRY.PROPERTY_TAKEN"


class PropertyInUse(Conflict):
    """Members work there, or devices stand there."""

    code = "REGISTRY.PROPERTY_IN_USE"


class ScopeNotFound(NotFound):
    """The member does not work at this property."""

    code = "REGISTRY.SCOPE_NOT_FOUND"


class ScopesRefused(Invalid):
    """Nothing was changed; every fault is named by its row."""

    code = "REGISTRY.SCOPES_REFUSED"


class ChallengeInvalid(Invalid):
    """The challenge is unknown, used, too old, or its signature is wrong."""

    code = "REGISTRY.CHALLENGE_INVALID"


class DeviceNotFound(NotFound):
    """There is no such device."""

    code = "REGISTRY.DEVICE_NOT_FOUND"
