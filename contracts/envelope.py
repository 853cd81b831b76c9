"""The envelope: CloudEvents 1.0 attributes in message headers, the body is the data (binary mode; ADR 0002)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

from contracts.event import Event
from contracts.values import value

PLATFORM_TENANT = "_"
SEQUENCE_DIGITS = 20
CONTENT_TYPE = "application/json"
TENANTS_AT_ONCE = 4_096
"""Tenants whose id is not parsed again with every message of theirs."""
ACTOR_TYPES = frozenset({"user", "operator", "service", "api_key", "device", "system"})

E = TypeVar("E", bound=Event)


class MalformedEnvelope(ValueError):
    """A header is missing or wrong; the message names it."""


@value
class Envelope:
    """Who says what about whom, when, and in which order. `sequence` and `epoch` are given by the relay."""

    id: UUID
    source: str
    type: str
    time: datetime
    subject: str
    tenant_id: UUID | None
    aggregate_version: int
    dataschema: str
    correlation_id: str | None = None
    causation_id: str | None = None
    actor_id: str | None = None
    actor_type: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    sequence: int | None = None
    epoch: str | None = None

    def numbered(self, epoch: str, sequence: int) -> "Envelope":
        """The same envelope with the place that the relay gave it."""
        return replace(self, epoch=epoch, sequence=sequence)

    def to_headers(self) -> dict[str, str]:
        """Message headers; absent values are left out."""
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(self.id),
            "ce-source": self.source,
            "ce-type": self.type,
            "ce-time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce-subject": quote(self.subject, safe="/-_.:~"),
            "ce-dataschema": self.dataschema,
            "ce-tenantid": str(self.tenant_id) if self.tenant_id else PLATFORM_TENANT,
            "ce-aggregateversion": str(self.aggregate_version),
            "Nats-Msg-Id": str(self.id),
            "content-type": CONTENT_TYPE,
        }
        optional = {
            "ce-correlationid": _quoted(self.correlation_id),
            "ce-causationid": _quoted(self.causation_id),
            "ce-actorid": _quoted(self.actor_id),
            "ce-actortype": self.actor_type,
            "traceparent": self.traceparent,
            "tracestate": self.tracestate,
            "ce-sequence": None if self.sequence is None else f"{self.sequence:0{SEQUENCE_DIGITS}d}",
            "ce-sourceepoch": self.epoch,
        }
        return headers | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "Envelope":
        """Read headers. Raises MalformedEnvelope naming the header and what it should be."""
        given = headers.get
        if (version := _text("ce-specversion", given("ce-specversion"))) != "1.0":
            raise MalformedEnvelope(f"ce-specversion: {version!r} is not supported, only 1.0 is")
        sequence = given("ce-sequence")
        return cls(  # by place: names would take a third of the time
            _uuid("ce-id", given("ce-id")),
            _text("ce-source", given("ce-source")),
            _text("ce-type", given("ce-type")),
            _time("ce-time", given("ce-time")),
            unquote(_text("ce-subject", given("ce-subject"))),
            _tenant("ce-tenantid", given("ce-tenantid")),
            _number("ce-aggregateversion", given("ce-aggregateversion")),
            _text("ce-dataschema", given("ce-dataschema")),
            _unquoted(given("ce-correlationid")),
            _unquoted(given("ce-causationid")),
            _unquoted(given("ce-actorid")),
            _unquoted(given("ce-actortype")),
            _unquoted(given("traceparent")),
            _unquoted(given("tracestate")),
            None if sequence is None else _number("ce-sequence", sequence),
            _unquoted(given("ce-sourceepoch")),
        )


@value
class Message:
    """An event as it came off the wire."""

    envelope: Envelope
    data: bytes


@value
class Received(Generic[E]):
    """An event whose body was read."""

    envelope: Envelope
    body: E
    data: bytes


def _text(name: str, value: str | None) -> str:
    if not value:
        raise MalformedEnvelope(f"{name}: missing")
    return value


def _unquoted(value: str | None) -> str | None:
    return unquote(value) if value and "%" in value else value or None


def _uuid(name: str, value: str | None, what: str = "a UUID") -> UUID:
    text = _text(name, value)
    try:
        return UUID(text)
    except ValueError as error:
        raise MalformedEnvelope(f"{name}: {text!r} is not {what}") from error


@lru_cache(maxsize=TENANTS_AT_ONCE)
def _tenant(name: str, value: str | None) -> UUID | None:
    return None if value == PLATFORM_TENANT else _uuid(name, value, "a UUID or _")


def _number(name: str, value: str | None) -> int:
    text = _text(name, value)
    if not (text.isascii() and text.isdecimal() and len(text) <= SEQUENCE_DIGITS):
        raise MalformedEnvelope(
            f"{name}: {text[:40]!r} is not a non-negative integer of at most {SEQUENCE_DIGITS} digits"
        )
    return int(text)


def _time(name: str, value: str | None) -> datetime:
    text = _text(name, value)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedEnvelope(f"{name}: {text!r} is not an RFC 3339 time") from error
    if time.tzinfo is None:
        raise MalformedEnvelope(f"{name}: {text!r} has no zone")
    return time.astimezone(UTC)


def _quoted(value: str | None) -> str | None:
    return None if value is None else quote(value, safe="/-_.:~@")
