"""Retraced's publisher format: its fields, exactly, and the hash by which its clients check what was stored. Pure.

Fields and hash are those of Retraced's published client (npm `@retracedhq/retraced` 0.7.23, `lib/event.js`).
"""

import hashlib
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chassis.fields import Flag, Instant

MOST_EVENTS = 1_000
MOST_FIELDS = 100
LARGEST = 24 * 1024
"""Bytes of one event, so that its leaf fits into an entry of a tile (65,535 bytes) also when all of it is sealed."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def possible(time: datetime) -> datetime:
    if not EARLIEST <= time < LATEST:
        raise ValueError(f"between {EARLIEST.year} and {LATEST.year}")
    return time


def address(text: str) -> str:
    ip_address(text)
    return text


Id = Annotated[str, Field(min_length=1, max_length=256)]
Short = Annotated[str, Field(max_length=256)]
Link = Annotated[str, Field(max_length=2_048)]
Description = Annotated[str, Field(max_length=8_192)]
Fields = Annotated[
    dict[Annotated[str, Field(max_length=128)], Annotated[str, Field(max_length=8_192)]],
    Field(max_length=MOST_FIELDS),
]


class Posted(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Group(Posted):
    """The tenant; its id is the tenant's."""

    id: Id
    name: Short | None = None


class Actor(Posted):
    """Who did it."""

    id: Id
    name: Short | None = None
    href: Link | None = None
    fields: Fields | None = None


class Target(Posted):
    """To what it was done."""

    id: Id
    name: Short | None = None
    href: Link | None = None
    type: Short | None = None
    fields: Fields | None = None


class PostedEvent(Posted):
    """What a publisher posts. An `actor` is required unless `is_anonymous`."""

    action: Id
    crud: Literal["c", "r", "u", "d"]
    group: Group | None = None
    created: Annotated[Instant, AfterValidator(possible)] | None = None
    actor: Actor | None = None
    target: Target | None = None
    source_ip: Annotated[str, Field(max_length=45), AfterValidator(address)] | None = None
    description: Description | None = None
    is_anonymous: Flag | None = None
    is_failure: Flag | None = None
    fields: Fields | None = None
    component: Short | None = None
    version: Short | None = None
    external_id: Short | None = None
    metadata: Fields | None = None

    @model_validator(mode="after")
    def _has_an_actor(self) -> Self:
        if self.actor is None and not self.is_anonymous:
            raise ValueError("actor: required unless is_anonymous")
        return self


class PostedEvents(Posted):
    """A bulk: all of it is taken, or nothing."""

    events: Annotated[list[PostedEvent], Field(min_length=1, max_length=MOST_EVENTS)]


def hash_of(event: dict[str, Any], id_: str) -> str:
    """The SHA-256, in hexadecimal, that Retraced's client computes of what it sent (`event`) and the id that it got."""
    return hashlib.sha256(hash_target(event, id_).encode()).hexdigest()


def hash_target(event: dict[str, Any], id_: str) -> str:
    """The canonical text of the hash; it covers the ids, the outcome, the address, fields and metadata."""
    parts = [
        id_,
        event["action"],
        *((event.get(name) or {}).get("id", "") for name in ("target", "actor", "group")),
        event.get("source_ip") or "",
    ]
    told = "".join(f"{escaped(part)}:" for part in parts)
    told += "".join("1:" if event.get(name) else "0:" for name in ("is_failure", "is_anonymous"))
    told += ":" if event.get("fields") is None else pairs(event["fields"])
    if event.get("external_id"):
        told += f":{escaped(event['external_id'])}"
    if event.get("metadata") is not None:
        told += f":{pairs(event['metadata'])}"
    return told


def pairs(fields: dict[str, str]) -> str:
    """In the order of UTF-16 code units, as JavaScript sorts."""
    names = sorted(fields, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "".join(f"{inside(escaped(name))}={inside(escaped(fields[name]))};" for name in names)


def escaped(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A")


def inside(text: str) -> str:
    return text.replace("=", "%3D").replace(";", "%3B")
