"""Errors of sync.

DomainError
├── CursorInvalid   400 SYNC.CURSOR_INVALID
├── CursorExpired   410 SYNC.CURSOR_EXPIRED
├── MidGap          409 SYNC.MID_GAP, with expected_mid
├── ProducerFenced  403 SYNC.PRODUCER_FENCED
├── ScopeRefused    404 SYNC.SCOPE_REFUSED
├── TenantFrozen    402 SYNC.TENANT_FROZEN
└── Paused          503 SYNC.PAUSED, with Retry-After
"""

from typing import Any

from chassis.errors import Conflict, DomainError, Forbidden, NotFound


def at(pointer: str, code: str, detail: str) -> dict[str, Any]:
    """For the arguments of an error: what it says, and the place in the body that it is about (RFC 6901)."""
    place = {"pointer": pointer, "code": code, "detail": detail}
    return {"detail": f"{pointer}: {detail}", "errors": [place]}


class CursorInvalid(DomainError):
    """The cursor was not made here for this device."""

    code = "SYNC.CURSOR_INVALID"
    status = 400


class CursorExpired(DomainError):
    """The cursor belongs to a numbering that is gone, or lies ahead of it."""

    code = "SYNC.CURSOR_EXPIRED"
    status = 410


class MidGap(Conflict):
    """An earlier action is missing."""

    code = "SYNC.MID_GAP"


class ProducerFenced(Forbidden):
    """A newer producer of this device has taken over."""

    code = "SYNC.PRODUCER_FENCED"


class ScopeRefused(NotFound):
    """The scope is not the caller's, or it is gone with its tenant."""

    code = "SYNC.SCOPE_REFUSED"


class TenantFrozen(DomainError):
    """A frozen tenant reads on; its work waits on the desktops."""

    code = "SYNC.TENANT_FROZEN"
    status = 402


class Paused(DomainError):
    """An operator has paused handshakes, for this tenant or for all; they will be taken again."""

    code = "SYNC.PAUSED"
    status = 503
