"""Errors of keeping.

DomainError
├── HoldNotFound  404 AUDIT.HOLD_NOT_FOUND
├── HoldReleased  409 AUDIT.HOLD_RELEASED
├── HoldEmpty     422 AUDIT.HOLD_EMPTY
├── Held          409 AUDIT.HELD
└── BundleDamaged 500 AUDIT.BUNDLE_DAMAGED
"""

from chassis.errors import Conflict, DomainError, Invalid


class HoldNotFound(DomainError):
    """Never placed, or another tenant's."""

    code = "AUDIT.HOLD_NOT_FOUND"
    status = 404


class HoldReleased(Conflict):
    """Somebody released it before."""

    code = "AUDIT.HOLD_RELEASED"


class HoldEmpty(Invalid):
    """It would hold nothing: it ends before it begins."""

    code = "AUDIT.HOLD_EMPTY"


class Held(Conflict):
    """A legal hold keeps what was to be erased."""

    code = "AUDIT.HELD"


class BundleDamaged(DomainError):
    """The file of a sealed bundle is missing or is not what was sealed: an alarm, for somebody changed it."""

    code = "AUDIT.BUNDLE_DAMAGED"
    status = 500
