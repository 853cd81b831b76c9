"""Errors of lock actions, and the codes with which an action fails.

DomainError
├── LocksNotConnected    409 BFF.LOCKS_NOT_CONNECTED
├── LocksHalted          503 BFF.LOCKS_HALTED, with Retry-After
└── LockActionNotFound   404 BFF.LOCK_ACTION_NOT_FOUND
"""

from chassis.errors import Conflict, DomainError, NotFound


class LocksNotConnected(Conflict):
    """No vendor of locks is set for this installation."""

    code = "BFF.LOCKS_NOT_CONNECTED"


class LocksHalted(DomainError):
    """No lock is told anything now; operators resume it per tenant."""

    code = "BFF.LOCKS_HALTED"
    status = 503


class LockActionNotFound(NotFound):
    """There is none of this id at a property of the caller's scope."""

    code = "BFF.LOCK_ACTION_NOT_FOUND"


NO_RECEIPT = "BFF.LOCK_NO_RECEIPT"
"""Audit gave no receipt before the deadline; nothing was sent."""
BAD_RECEIPT = "BFF.LOCK_BAD_RECEIPT"
"""What audit gave proves nothing; nothing was sent."""
HALTED = LocksHalted.code
"""A halt came between request and command; nothing was sent."""
EXPIRED = "BFF.LOCK_EXPIRED"
"""The command could not be sent before the deadline; nothing was sent."""
UNREACHABLE = "BFF.LOCK_VENDOR_UNREACHABLE"
"""The vendor could not be reached; nothing was done."""
REFUSED = "BFF.LOCK_VENDOR_REFUSED"
"""The vendor said no; nothing was done."""
NEVER_ARRIVED = "BFF.LOCK_NEVER_ARRIVED"
"""The vendor never got the command, and would not take it any more."""
