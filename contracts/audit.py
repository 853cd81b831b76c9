"""What audit says: checkpoints of the log, gaps it saw, exports that are ready, legal holds."""

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
    ExportReadyV1,
    HoldPlacedV1,
    HoldReleasedV1,
    AuditSourceHeartbeatV1,
)
