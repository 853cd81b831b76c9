"""What the log says of an event. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from contracts.catalogue import EVENT_TYPES
from contracts.envelope import Envelope, Message
from contracts.event import ACTOR
from contracts.values import value
from services.audit.log.canonical import LARGEST_INTEGER, embed
from services.audit.records.personal.keys import personal_id
from services.audit.records.personal.model import Personal
from services.audit.records.record import CRITICAL, PLATFORM, READ, STANDARD, Record, rfc3339, uuid_text
from services.audit.records.words import plain, words_of

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
COLUMNS = ("product", "project_id", "on_behalf_of", "impersonation_id", "session_id")
"""Fields of a body that are columns of a record."""
KINDS = 4_096
"""Types of events whose kind is remembered."""
CRITICAL_NOUNS = frozenset({"lock_action", "lock_actions", "impersonation", "subject", "erasure", "hold"})
"""What fails closed, or takes something away for good."""


@value
class Kind:
    """What holds for all events of a type."""

    record_class: str
    crud: str
    is_failure: bool
    personal: Mapping[str, str]
    """Marked fields of the body, each with the field that holds the person's id."""
    words: str


@lru_cache(maxsize=KINDS)
def kind_of(type_: str) -> Kind:
    """Nothing is known to be personal in an unknown type."""
    event = EVENT_TYPES.get(type_)
    return Kind(
        record_class=class_of(type_),
        crud=crud_of(type_),
        is_failure=is_failure(type_),
        personal=event.personal_fields() if event else {},
        words=plain(type_),
    )


def record_of(message: Message) -> Record:
    """An event as a record of its tenant's tree; what its type marks as personal is marked in the record."""
    envelope = message.envelope
    kind = kind_of(envelope.type)
    trace_id = trace_id_of(envelope.traceparent)
    target_type, _, target_id = envelope.subject.partition("/")
    body = embed(message.data)
    data = body.get("data")
    told = data if isinstance(data, dict) else {}
    statement = {
        "format": FORMAT,
        "id": uuid_text(envelope.id),
        "type": envelope.type,
        "source": envelope.source,
        "source_epoch": envelope.epoch,
        "source_seq": number(envelope.sequence),
        "time": rfc3339(envelope.time),
        "tenant_id": uuid_text(envelope.tenant_id) if envelope.tenant_id else None,
        "subject": envelope.subject,
        "aggregate_version": number(envelope.aggregate_version),
        "actor": {"id": envelope.actor_id, "type": envelope.actor_type},
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "trace_id": trace_id,
        **body,
    }
    marks = personal_of(kind, envelope, told)
    columns: Any = {name: text_in(told, name) for name in COLUMNS if name in told}
    return Record(
        tenant_id=envelope.tenant_id or PLATFORM,
        id=envelope.id,
        statement=statement,
        happened_at=envelope.time,
        action=envelope.type,
        source=envelope.source,
        record_class=kind.record_class,
        crud=kind.crud,
        source_epoch=envelope.epoch,
        source_seq=envelope.sequence,
        actor_id=envelope.actor_id,
        actor_type=envelope.actor_type,
        target_id=target_id,
        target_type=target_type,
        is_failure=kind.is_failure,
        correlation_id=envelope.correlation_id,
        trace_id=trace_id,
        words=words_of(texts_of(told, marks), after=kind.words),
        personal=marks,
        is_canonical=True,  # texts and numbers of ours, and a body that `embed` has looked at
        **columns,
    )


def personal_of(kind: Kind, envelope: Envelope, data: Mapping[str, Any]) -> tuple[Personal, ...]:
    """The marked fields of an event's body, and ids in it that tell of a person."""
    marks = personal_id(("actor", "id"), envelope.actor_id)
    marks += personal_id(("data", "on_behalf_of"), text_in(data, "on_behalf_of"))
    for name, of in kind.personal.items():
        subject = envelope.actor_id if of == ACTOR else text_in(data, of)
        if data.get(name) is not None:
            marks += (Personal(("data", name), subject or f"{envelope.type}/{name}"),)
    return marks


def texts_of(data: Mapping[str, Any], marks: tuple[Personal, ...]) -> list[str]:
    """Short texts of a body that are nobody's."""
    hidden = {one.path[1] for one in marks if one.path[0] == "data"}
    return [text for name, text in data.items() if isinstance(text, str) and name not in hidden]


def text_in(data: Mapping[str, Any], name: str) -> str | None:
    text = data.get(name)
    return text if isinstance(text, str) and text else None


def verb_of(type_: str) -> str:
    """`<service>.<noun>[.<noun>].<past verb>.v<N>`."""
    parts = type_.split(".")
    return parts[-2] if len(parts) > 2 else ""


def is_failure(type_: str) -> bool:
    return any(word in verb_of(type_) for word in FAILED)


def crud_of(type_: str) -> str:
    """What it did: a verb that is not known has changed something."""
    verb = verb_of(type_).rsplit("_", 1)[-1]
    if verb in CREATED:
        return "c"
    if verb in ENDED:
        return "d"
    return "r" if verb in LOOKED else "u"


def class_of(type_: str) -> str:
    if CRITICAL_NOUNS & set(type_.split(".")[1:-2]):
        return CRITICAL
    return READ if crud_of(type_) == "r" else STANDARD


def number(whole: int | None) -> int | str | None:
    """As it is where it has a canonical form, else its digits (RFC 7493 §2.2)."""
    return whole if whole is None or whole <= LARGEST_INTEGER else str(whole)


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent (`version-traceid-parentid-flags`)."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 else None
