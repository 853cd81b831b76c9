"""What sync says: records that changed, actions that were applied or not. Thin: no values on the bus."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Part


class Origin(Part):
    """The device and the number of the action that caused a change."""

    device_id: UUID
    mid: int


class RecordChangedV1(Event):
    """A record of a collection has a new version. `seq` is its place in the scope's change log."""

    type: ClassVar = "sync.record.changed.v1"
    aggregate: ClassVar = "record"
    aggregate_field: ClassVar = "record_id"

    tenant_id: UUID
    record_id: str
    """`<collection>/<scope>/<key>`."""
    collection: str
    scope: str
    key: str
    version: int
    seq: int
    op: Literal["put", "delete"]
    value_hash: str
    """SHA-256 of the value's canonical bytes, in hexadecimal; empty for a delete."""
    origin: Origin | None


class ActionEvent(Event):
    """An event about one offline action of a device."""

    aggregate: ClassVar = "producer"
    aggregate_field: ClassVar = "device_id"

    tenant_id: UUID
    device_id: UUID
    mid: int
    collection: str
    key: str


class ActionAppliedV1(ActionEvent):
    """The action had its effect, once."""

    type: ClassVar = "sync.action.applied.v1"

    version: int


class ActionRejectedV1(ActionEvent):
    """The action was refused and will not be tried again; a manager is shown it."""

    type: ClassVar = "sync.action.rejected.v1"

    code: str


class ConflictDetectedV1(Event):
    """An action was made on an older version than the server's; `outcome` says what the collection's policy did."""

    type: ClassVar = "sync.conflict.detected.v1"
    aggregate: ClassVar = "conflict"
    aggregate_field: ClassVar = "conflict_id"

    tenant_id: UUID
    conflict_id: UUID
    collection: str
    key: str
    policy: Literal["server_authoritative", "lww_diff", "append_only", "manual"]
    outcome: Literal["server", "client", "merged", "pending"]


class SyncSourceHeartbeatV1(Event):
    """Sync's last number, said regularly so that a hole at the end is seen."""

    type: ClassVar = "sync.source.heartbeat.v1"
    aggregate: ClassVar = "source"
    aggregate_field: ClassVar = "source"

    tenant_id: None = None
    source: str
    epoch: str
    last_seq: int


EVENTS: tuple[type[Event], ...] = (
    RecordChangedV1,
    ActionAppliedV1,
    ActionRejectedV1,
    ConflictDetectedV1,
    SyncSourceHeartbeatV1,
)
