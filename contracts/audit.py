"""What audit says: checkpoints of the log, gaps it saw."""

from typing import ClassVar
from uuid import UUID

from contracts.event import Event


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
    AuditSourceHeartbeatV1,
)
