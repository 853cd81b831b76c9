"""The envelope: CloudEvents 1.0 attributes in message headers, the body is the data (binary mode; ADR 0002)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

from contracts.event import Event

PLATFORM_TENANT = "_"
SEQUENCE_DIGITS = 20
CONTENT_TYPE = "application/json"
ACTOR_TYPES = frozenset({"user", "operator", "service", "api_key", "device", "system"})

E = TypeVar("E", bound=Event)


class MalformedEnvelope(ValueError):
    """A header is missing or wrong; the message names it."""


@dataclass(frozen=True, slots=True)
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
        read = _Reader(headers)
        if (version := read.text("ce-specversion")) != "1.0":
            raise MalformedEnvelope(f"ce-specversion: {version!r} is not supported, only 1.0 is")
        return cls(
            id=read.uuid("ce-id"),
            source=read.text("ce-source"),
            type=read.text("ce-type"),
            time=read.time("ce-time"),
            subject=unquote(read.text("ce-subject")),
            tenant_id=read.tenant("ce-tenantid"),
            aggregate_version=read.number("ce-aggregateversion"),
            dataschema=read.text("ce-dataschema"),
            correlation_id=read.optional("ce-correlationid"),
            causation_id=read.optional("ce-causationid"),
            actor_id=read.optional("ce-actorid"),
            actor_type=read.optional("ce-actortype"),
            traceparent=read.optional("traceparent"),
            tracestate=read.optional("tracestate"),
            sequence=read.number("ce-sequence") if "ce-sequence" in headers else None,
            epoch=read.optional("ce-sourceepoch"),
        )


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it came off the wire."""

    envelope: Envelope
    data: bytes


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event whose body was read."""

    envelope: Envelope
    body: E
    data: bytes


class _Reader:
    """Takes header values apart; every failure names the header."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def text(self, name: str) -> str:
        value = self._headers.get(name)
        if not value:
            raise MalformedEnvelope(f"{name}: missing")
        return value

    def optional(self, name: str) -> str | None:
        value = self._headers.get(name)
        return None if not value else unquote(value)

    def uuid(self, name: str) -> UUID:
        parsed: UUID = self._parsed(name, UUID, "a UUID")
        return parsed

    def tenant(self, name: str) -> UUID | None:
        return None if self.text(name) == PLATFORM_TENANT else self._parsed(name, UUID, "a UUID or _")

    def number(self, name: str) -> int:
        text = self.text(name)
        if not (text.isascii() and text.isdecimal() and len(text) <= SEQUENCE_DIGITS):
            raise MalformedEnvelope(
                f"{name}: {text[:40]!r} is not a non-negative integer of at most {SEQUENCE_DIGITS} digits"
            )
        return int(text)

    def time(self, name: str) -> datetime:
        time: datetime = self._parsed(name, datetime.fromisoformat, "an RFC 3339 time")
        if time.tzinfo is None:
            raise MalformedEnvelope(f"{name}: {self.text(name)!r} has no zone")
        return time.astimezone(UTC)

    def _parsed(self, name: str, parse: Any, what: str) -> Any:
        text = self.text(name)
        try:
            return parse(text)
        except ValueError as error:
            raise MalformedEnvelope(f"{name}: {text!r} is not {what}") from error


def _quoted(value: str | None) -> str | None:
    return None if value is None else quote(value, safe="/-_.:~@")
