"""What a leaf says about an event, and its canonical bytes. Pure."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from contracts.envelope import Envelope, Message
from services.audit.canonical import LARGEST_INTEGER, canonical, embed
from services.audit.merkle import leaf_hash

FORMAT = "tenantry-audit-event/1"
PLATFORM = UUID(int=0)
"""The tree of facts that belong to no tenant."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One record: the canonical bytes are the truth, the rest is extracted for reading."""

    tenant_id: UUID
    envelope: Envelope
    received_at: datetime
    entry: bytes
    hash: bytes


def tree_of(message: Message) -> UUID:
    return message.envelope.tenant_id or PLATFORM


def leaf_of(message: Message, received_at: datetime, nonce: bytes) -> Leaf:
    """The leaf of an event. `nonce` (16 random bytes) keeps the hash from confirming a guessed record."""
    envelope = message.envelope
    statement = {
        "format": FORMAT,
        "id": str(envelope.id),
        "type": envelope.type,
        "source": envelope.source,
        "source_epoch": envelope.epoch,
        "source_seq": number(envelope.sequence),
        "time": rfc3339(envelope.time),
        "received_at": rfc3339(received_at),
        "tenant_id": str(envelope.tenant_id) if envelope.tenant_id else None,
        "subject": envelope.subject,
        "aggregate_version": number(envelope.aggregate_version),
        "actor": {"id": envelope.actor_id, "type": envelope.actor_type},
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "trace_id": trace_id_of(envelope.traceparent),
        "nonce": base64.b64encode(nonce).decode(),
        **embed(message.data),
    }
    entry = canonical(statement)
    return Leaf(tree_of(message), envelope, received_at, entry, leaf_hash(entry))


def number(value: int | None) -> int | str | None:
    """As it is where it has a canonical form, else its digits (RFC 7493 §2.2)."""
    return value if value is None or value <= LARGEST_INTEGER else str(value)


def rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent (`version-traceid-parentid-flags`)."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 else None
