"""What the log says of an event. Pure."""

from contracts.envelope import Message
from services.audit.log.canonical import LARGEST_INTEGER, embed
from services.audit.records.record import PLATFORM, Record, rfc3339

FORMAT = "tenantry-audit-event/1"


def record_of(message: Message) -> Record:
    """An event as a record of its tenant's tree."""
    envelope = message.envelope
    trace_id = trace_id_of(envelope.traceparent)
    target_type, _, target_id = envelope.subject.partition("/")
    statement = {
        "format": FORMAT,
        "id": str(envelope.id),
        "type": envelope.type,
        "source": envelope.source,
        "source_epoch": envelope.epoch,
        "source_seq": number(envelope.sequence),
        "time": rfc3339(envelope.time),
        "tenant_id": str(envelope.tenant_id) if envelope.tenant_id else None,
        "subject": envelope.subject,
        "aggregate_version": number(envelope.aggregate_version),
        "actor": {"id": envelope.actor_id, "type": envelope.actor_type},
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "trace_id": trace_id,
        **embed(message.data),
    }
    return Record(
        tenant_id=envelope.tenant_id or PLATFORM,
        id=envelope.id,
        statement=statement,
        happened_at=envelope.time,
        action=envelope.type,
        source=envelope.source,
        source_epoch=envelope.epoch,
        source_seq=envelope.sequence,
        actor_id=envelope.actor_id,
        actor_type=envelope.actor_type,
        target_id=target_id,
        target_type=target_type,
        correlation_id=envelope.correlation_id,
        trace_id=trace_id,
    )


def number(value: int | None) -> int | str | None:
    """As it is where it has a canonical form, else its digits (RFC 7493 §2.2)."""
    return value if value is None or value <= LARGEST_INTEGER else str(value)


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent (`version-traceid-parentid-flags`)."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 else None
