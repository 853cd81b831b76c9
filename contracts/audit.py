"""What audit says: checkpoints of the log, gaps it saw."""

from typing import ClassVar
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
    """An event about a range of numbers of a source that did not arrive."""

    aggregate: ClassVar = "gap"
    aggregate_field: ClassVar = "gap_id"

    tenant_id: None = None
    gap_id: UUID
    source: str
    epoch: str
    first: int
    last: int


class GapDetectedV1(GapEvent):
    """Numbers of a source are missing for longer than reordering explains; said once, before a replay is asked for."""

    type: ClassVar = "audit.gap.detected.v1"


class GapRepairedV1(GapEvent):
    """All of the missing numbers have arrived. A gap of which this is never said is open, or lost at its source."""

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
    AuditSourceHeartbeatV1,
)
