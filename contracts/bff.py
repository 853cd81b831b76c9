"""What the bff says: desk sessions and what desktops do in them."""

from typing import ClassVar
from uuid import UUID

from contracts import lock_actions
from contracts.event import Event, Time


class SessionEvent(Event):
    """An event about one desk session."""

    aggregate: ClassVar = "session"
    aggregate_field: ClassVar = "session_id"

    tenant_id: UUID
    session_id: UUID
    device_id: UUID
    member_id: str


class SessionOpenedV1(SessionEvent):
    """A member opened a desk session on a device at a property. One session is open per device."""

    type: ClassVar = "bff.backoffice.session.opened.v1"

    property: str
    app_version: str
    os: str
    opened_at: Time
    expires_at: Time


class SessionClosedV1(SessionEvent):
    """The session ended: by the member, by its limits, or by revocation."""

    type: ClassVar = "bff.backoffice.session.closed.v1"

    reason: str
    closed_at: Time


class SessionReplacedV1(SessionEvent):
    """A newer session on the same device took this one's place."""

    type: ClassVar = "bff.backoffice.session.replaced.v1"

    replaced_by: UUID
    replaced_at: Time


class HeartbeatMissedV1(SessionEvent):
    """An open session has not been heard of since `last_seen_at`."""

    type: ClassVar = "bff.backoffice.heartbeat.missed.v1"

    last_seen_at: Time


class ActivityRecordedV1(SessionEvent):
    """An operator did something at the desk; thin, the ledger of the bff holds the rest."""

    type: ClassVar = "bff.backoffice.activity.recorded.v1"

    action: str
    client_time: Time
    server_time: Time


class BffSourceHeartbeatV1(Event):
    """The bff's last number, said regularly so that a hole at the end is seen."""

    type: ClassVar = "bff.source.heartbeat.v1"
    aggregate: ClassVar = "source"
    aggregate_field: ClassVar = "source"

    tenant_id: None = None
    source: str
    epoch: str
    last_seq: int


EVENTS: tuple[type[Event], ...] = (
    SessionOpenedV1,
    SessionClosedV1,
    SessionReplacedV1,
    HeartbeatMissedV1,
    ActivityRecordedV1,
    *lock_actions.EVENTS,
    BffSourceHeartbeatV1,
)
