"""Lock actions: what the bff says of them, and how a vendor of locks is spoken to.

A command to a lock is sent only after its request is provably in the audit log (`contracts.receipts`). Ids only: who a
member is, is known elsewhere.
"""

from typing import Annotated, ClassVar, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from contracts.event import Event, Time

LockVerb = Literal["lock", "unlock", "block"]
"""`block`: every key of the door stops working."""
LockId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class LockActionEvent(Event):
    """An event about one action on one lock; locks are named within their property."""

    aggregate: ClassVar = "lock_action"
    aggregate_field: ClassVar = "action_id"

    tenant_id: UUID
    action_id: UUID
    """Also the key under which the vendor is asked for it: the same key acts once."""
    property: str
    lock_id: str
    action: LockVerb
    member_id: str
    device_id: UUID


class LockActionRequestedV1(LockActionEvent):
    """A member asked for it; nothing was sent yet. Without a receipt for this very event nothing ever is."""

    type: ClassVar = "bff.backoffice.lock_action.requested.v1"

    requested_at: Time
    expires_at: Time
    """The vendor takes no command of this action later."""


class LockActionCompletedV1(LockActionEvent):
    """The vendor says that the lock did it."""

    type: ClassVar = "bff.backoffice.lock_action.completed.v1"

    completed_at: Time


class LockActionFailedV1(LockActionEvent):
    """The lock did not do it, and will not: `code` says at which step it ended (`BFF.LOCK_…`)."""

    type: ClassVar = "bff.backoffice.lock_action.failed.v1"

    code: str
    failed_at: Time


class LockActionReportedV1(Event):
    """One line of the vendor's own log of what its locks were told, whoever told them; read regularly, in order.

    Audit holds it against the requests: a command without one was given behind our back.
    """

    type: ClassVar = "bff.backoffice.lock_action.reported.v1"
    aggregate: ClassVar = "lock_report"
    aggregate_field: ClassVar = "report_id"

    tenant_id: UUID | None
    """As the vendor's site says; None where it belongs to no tenant."""
    report_id: UUID
    """The same for every reading of the same line."""
    vendor: str
    entry: int
    """Number of the line in the vendor's log."""
    key: str | None
    """The key of the command; None for one that was given without."""
    site: str
    property: str
    lock_id: str
    action: str
    executed_at: Time


EVENTS: tuple[type[Event], ...] = (
    LockActionRequestedV1,
    LockActionCompletedV1,
    LockActionFailedV1,
    LockActionReportedV1,
)


def report_id_of(vendor: str, entry: int) -> UUID:
    """The same line has the same id in every process."""
    return uuid5(NAMESPACE_URL, f"urn:tenantry:lock-report:{vendor}/{entry}")


class Said(BaseModel):
    """What goes between us and a vendor: never changes, keeps what it knows."""

    model_config = ConfigDict(frozen=True)


class Command(Said):
    """`POST /v1/commands`: the same `key` acts once, and never after `expires_at`."""

    key: Annotated[str, Field(min_length=1, max_length=100)]
    site: Annotated[str, Field(min_length=1, max_length=100)]
    """Ours: the tenant's id."""
    property: Annotated[str, Field(min_length=1, max_length=200)]
    lock_id: LockId
    action: LockVerb
    expires_at: Time


class Answered(Said):
    """What became of a command, at once or when asked by `GET /v1/commands/{key}` (404: it never arrived)."""

    key: str
    outcome: Literal["executed", "refused"]
    detail: Annotated[str, Field(max_length=500)] = ""


class Line(Said):
    """A line of the vendor's log: a command that a lock has executed. Lines are numbered from 1 without holes."""

    entry: Annotated[int, Field(ge=1)]
    key: Annotated[str, Field(max_length=100)] | None
    site: Annotated[str, Field(max_length=100)]
    property: Annotated[str, Field(max_length=200)]
    lock_id: Annotated[str, Field(max_length=100)]
    action: Annotated[str, Field(max_length=40)]
    executed_at: Time


class Page(Said):
    """`GET /v1/log?after=N&limit=M`: the lines behind N, in order."""

    lines: Annotated[list[Line], Field(max_length=1000)]
