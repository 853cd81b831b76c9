"""Errors about flags and version floors."""

from chassis.errors import Conflict, Invalid, NotFound


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
