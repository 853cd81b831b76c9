"""Every event there is, by type."""

from contracts import audit, bff, notifier, registry, sync
from contracts.event import Event

EVENT_TYPES: dict[str, type[Event]] = {
    event.type: event for producer in (registry, bff, sync, audit, notifier) for event in producer.EVENTS
}

HEARTBEATS: dict[str, type[Event]] = {
    type_.split(".", 1)[0]: event for type_, event in EVENT_TYPES.items() if ".source.heartbeat." in type_
}
"""Service → the event with which its relay tells its last number."""
