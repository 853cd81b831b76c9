"""What audit says: checkpoints of the log, gaps it saw, exports that are ready, legal holds."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Time


class CheckpointPublishedV1(Event):
    """A signed head of a tenant's log (of the platform's log: tenant null). Never itself a record."""

    type: ClassVar = "audit.checkpoint.published.v1"
    aggregate: ClassVar = "checkpoint"
    aggregate_field: ClassVar = "origin"

    origin: str
    tree_size: int
    root_hash: str
    """Hexadecimal."""


class GapEvent(Event):
    """An event about numbers of a source that did not arrive."""

    aggregate: ClassVar = "gap"
    aggregate_field: ClassVar = "gap_id"

    tenant_id: None = None
    gap_id: UUID
    source: str
    epoch: str
    first: int
    last: int | None
    """Both included; None for a source that has fallen silent, where nobody knows how far it went."""


class GapDetectedV1(GapEvent):
    """Numbers of a source are missing though they were asked for again, or its heartbeat is: said once, with a page."""

    type: ClassVar = "audit.gap.detected.v1"


class GapRepairedV1(GapEvent):
    """All of the missing numbers have arrived, or the source is heard again. A gap of which this is never said is open,
    or lost at its source.
    """

    type: ClassVar = "audit.gap.repaired.v1"


class SubjectErasedV1(Event):
    """The key of a person's data in a tenant's log was destroyed: what was sealed with it can be read by nobody any more.

    Every proof about the log stays valid, for leaves cover what was sealed.
    """

    type: ClassVar = "audit.subject.erased.v1"
    aggregate: ClassVar = "subject"
    aggregate_field: ClassVar = "key_id"

    tenant_id: UUID
    key_id: UUID
    """The key that is no more; sealed values name it."""
    requested_by: str
    legal_basis: str
    erased_at: Time


class PublisherTokenEvent(Event):
    """An event about a token with which somebody outside posts records into one project of a tenant's log."""

    aggregate: ClassVar = "publisher_token"
    aggregate_field: ClassVar = "token_id"

    tenant_id: UUID
    token_id: UUID
    project_id: str


class PublisherTokenIssuedV1(PublisherTokenEvent):
    """The token opens the intake from now on."""

    type: ClassVar = "audit.publisher_token.issued.v1"

    product: str | None
    may_read: bool


class PublisherTokenRevokedV1(PublisherTokenEvent):
    """The token opens nothing any more."""

    type: ClassVar = "audit.publisher_token.revoked.v1"


class ExportReadyV1(Event):
    """An export of a tenant's log can be fetched until `expires_at`; who asked for it is told where."""

    type: ClassVar = "audit.export.ready.v1"
    aggregate: ClassVar = "export"
    aggregate_field: ClassVar = "export_id"

    tenant_id: UUID
    export_id: UUID
    asked_by: str
    language: str
    """`en` or `fr`."""
    records: int
    bytes: int
    is_range_complete: bool
    """Whether the files prove that no record of the range is missing."""
    expires_at: Time


class HoldEvent(Event):
    """An event about a legal hold: what it covers is neither erased nor dropped. Why it stands is told by audit alone."""

    aggregate: ClassVar = "hold"
    aggregate_field: ClassVar = "hold_id"

    tenant_id: UUID
    hold_id: UUID
    received_from: Time | None
    """The records received from then on; null: from the first one on."""
    received_to: Time | None
    """Those received before then; null: also all that come."""
    subject: str | None
    """The one person whose data is held; null: everybody's."""
    until: Time | None
    """When it ends by itself; null: never."""


class HoldPlacedV1(HoldEvent):
    """From now on nothing that the hold covers is erased or dropped."""

    type: ClassVar = "audit.hold.placed.v1"


class HoldReleasedV1(HoldEvent):
    """Somebody released the hold; one that ended at `until` is not released."""

    type: ClassVar = "audit.hold.released.v1"


Cause = Literal["unrecorded_command", "gap", "operator"]
"""Why no lock may be told anything: a vendor reports a command without a record, a critical source has a gap, or somebody
of our own staff says so.
"""


class LockActionsEvent(Event):
    """An event about one halt of all lock actions."""

    aggregate: ClassVar = "lock_halt"
    aggregate_field: ClassVar = "halt_id"

    halt_id: UUID


class LockActionsHaltedV1(LockActionsEvent):
    """From now on no tenant gets a receipt for a lock action, so that no lock is told anything."""

    type: ClassVar = "audit.lock_actions.halted.v1"

    tenant_id: None = None
    cause: Cause
    evidence: str
    """What shows it: the id of a report or of a gap, the operator."""
    halted_at: Time


class LockActionsResumedV1(LockActionsEvent):
    """A halt is over for one tenant, by two operators who name an incident; or for all, because its gap was repaired."""

    type: ClassVar = "audit.lock_actions.resumed.v1"

    tenant_id: UUID | None
    """None: for all, the halt has ended."""
    incident: str | None
    asked_by: str | None
    confirmed_by: str | None
    resumed_at: Time


class AuditSourceHeartbeatV1(Event):
    """Audit's last number, said regularly so that a hole at the end is seen."""

    type: ClassVar = "audit.source.heartbeat.v1"
    aggregate: ClassVar = "source"
    aggregate_field: ClassVar = "source"

    tenant_id: None = None
    source: str
    epoch: str
    last_seq: int


EVENTS: tuple[type[Event], ...] = (
    CheckpointPublishedV1,
    GapDetectedV1,
    GapRepairedV1,
    SubjectErasedV1,
    PublisherTokenIssuedV1,
    PublisherTokenRevokedV1,
    ExportReadyV1,
    HoldPlacedV1,
    HoldReleasedV1,
    LockActionsHaltedV1,
    LockActionsResumedV1,
    AuditSourceHeartbeatV1,
)
