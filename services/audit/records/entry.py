"""What the log says of an event. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from contracts.catalogue import EVENT_TYPES
from contracts.envelope import Message
from contracts.event import ACTOR
from services.audit.log.canonical import LARGEST_INTEGER, embed
from services.audit.records.personal.keys import personal_id
from services.audit.records.personal.model import Personal
from services.audit.records.record import CRITICAL, PLATFORM, READ, STANDARD, Record, rfc3339
from services.audit.records.words import words_of

FORMAT = "tenantry-audit-event/1"
CREATED = {
    "created",
    "enrolled",
    "issued",
    "opened",
    "requested",
    "invited",
    "placed",
    "detected",
    "published",
    "recorded",
}
CREATED |= {"built", "joined", "started"}
ENDED = {
    "deleted",
    "archived",
    "revoked",
    "closed",
    "removed",
    "released",
    "erased",
    "deactivated",
    "retired",
    "ended",
}
LOOKED = {"viewed", "exported", "downloaded"}
FAILED = ("failed", "rejected", "refused", "bounced", "missed", "blocked", "dead", "lost")
KINDS = 4_096
"""Types of events whose class is remembered: what was found out for one holds for all of its kind."""
CRITICAL_NOUNS = frozenset({"lock_action", "lock_actions", "impersonation", "subject", "erasure", "hold"})
"""What fails closed, or takes something away for good."""


def record_of(message: Message) -> Record:
    """An event as a record of its tenant's tree; what its type marks as personal is marked in the record."""
    envelope = message.envelope
    trace_id = trace_id_of(envelope.traceparent)
    target_type, _, target_id = envelope.subject.partition("/")
    body = embed(message.data)
    data = body.get("data")
    told = data if isinstance(data, dict) else {}
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
        **body,
    }
    marks = personal_of(envelope.type, envelope.actor_id, told)
    return Record(
        tenant_id=envelope.tenant_id or PLATFORM,
        id=envelope.id,
        statement=statement,
        happened_at=envelope.time,
        action=envelope.type,
        source=envelope.source,
        record_class=class_of(envelope.type),
        crud=crud_of(envelope.type),
        product=text_in(told, "product"),
        project_id=text_in(told, "project_id"),
        source_epoch=envelope.epoch,
        source_seq=envelope.sequence,
        actor_id=envelope.actor_id,
        actor_type=envelope.actor_type,
        on_behalf_of=text_in(told, "on_behalf_of"),
        impersonation_id=text_in(told, "impersonation_id"),
        session_id=text_in(told, "session_id"),
        target_id=target_id,
        target_type=target_type,
        is_failure=is_failure(envelope.type),
        correlation_id=envelope.correlation_id,
        trace_id=trace_id,
        words=words_of([envelope.type, *texts_of(told, marks)]),
        personal=marks,
        is_canonical=True,  # texts and numbers of ours, and a body that `embed` has looked at
    )


def personal_of(type_: str, actor_id: str | None, data: Mapping[str, Any]) -> tuple[Personal, ...]:
    """The marked fields of an event's body, and ids in it that tell of a person. Nothing is known of an unknown type."""
    event = EVENT_TYPES.get(type_)
    marks = personal_id(("actor", "id"), actor_id)
    marks += personal_id(("data", "on_behalf_of"), text_in(data, "on_behalf_of"))
    for name, of in (event.personal_fields() if event else {}).items():
        subject = actor_id if of == ACTOR else text_in(data, of)
        if data.get(name) is not None:
            marks += (Personal(("data", name), subject or f"{type_}/{name}"),)
    return marks


def texts_of(data: Mapping[str, Any], marks: tuple[Personal, ...]) -> list[str]:
    """Short texts of a body that are nobody's."""
    hidden = {one.path[1] for one in marks if one.path[0] == "data"}
    return [value for name, value in data.items() if isinstance(value, str) and name not in hidden]


def text_in(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def verb_of(type_: str) -> str:
    """`<service>.<noun>[.<noun>].<past verb>.v<N>`."""
    parts = type_.split(".")
    return parts[-2] if len(parts) > 2 else ""


@lru_cache(maxsize=KINDS)
def is_failure(type_: str) -> bool:
    return any(word in verb_of(type_) for word in FAILED)


@lru_cache(maxsize=KINDS)
def crud_of(type_: str) -> str:
    """What it did: a verb that is not known has changed something."""
    verb = verb_of(type_).rsplit("_", 1)[-1]
    if verb in CREATED:
        return "c"
    if verb in ENDED:
        return "d"
    return "r" if verb in LOOKED else "u"


@lru_cache(maxsize=KINDS)
def class_of(type_: str) -> str:
    if CRITICAL_NOUNS & set(type_.split(".")[1:-2]):
        return CRITICAL
    return READ if crud_of(type_) == "r" else STANDARD


def number(value: int | None) -> int | str | None:
    """As it is where it has a canonical form, else its digits (RFC 7493 §2.2)."""
    return value if value is None or value <= LARGEST_INTEGER else str(value)


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent (`version-traceid-parentid-flags`)."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 else None
