"""A record on its way into the log, and the leaf that it becomes. Pure."""

from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import KW_ONLY
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from operator import attrgetter
from typing import Any
from uuid import UUID

import orjson

from contracts.values import value
from services.audit.log.canonical import NotCanonical, canonical, encoded
from services.audit.log.merkle import leaf_hash
from services.audit.records.personal.model import Personal

PLATFORM = UUID(int=0)
"""The tree of facts that belong to no tenant."""

LEDGER = UUID(int=1)
"""The tree of the latest checkpoints of all the others."""

CRITICAL, STANDARD, READ = "critical", "standard", "read"
"""What a record is to its tenant: an act that fails closed, any other act, a look at something."""


@value
class Record:
    """One statement and what of it may be searched. `statement` has a canonical form (`log.canonical`); the sequencer
    adds `received_at` and `nonce` to it.
    """

    _: KW_ONLY
    tenant_id: UUID
    """The tree; PLATFORM for none."""
    id: UUID
    """The event's id, or a UUIDv7 made for the record. A tree holds an id once."""
    statement: Mapping[str, Any]
    happened_at: datetime
    action: str
    """The event's type, or the action of a posted record."""
    source: str
    record_class: str = STANDARD
    crud: str | None = None
    product: str | None = None
    project_id: str | None = None
    source_epoch: str | None = None
    source_seq: int | None = None
    actor_id: str | None = None
    actor_type: str | None = None
    on_behalf_of: str | None = None
    impersonation_id: str | None = None
    session_id: str | None = None
    target_id: str | None = None
    target_type: str | None = None
    network: IPv4Network | IPv6Network | None = None
    """Where from, as far as it may be kept in the clear: /24 or /48."""
    is_failure: bool = False
    external_id: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    words: str | None = None
    """What may be searched as text; no personal data."""
    personal: tuple[Personal, ...] = ()
    """What of the statement is sealed before it becomes a leaf."""
    is_canonical: bool = False
    """Who made the statement has looked at all of it (`log.canonical`); the sequencer need not."""


@value
class Leaf:
    """A record with its place in time: the canonical bytes are the truth, the columns are extracted for reading."""

    record: Record
    received_at: datetime
    entry: bytes
    hash: bytes
    body: bytes | None = None
    """The canonical bytes of the statement's body where the leaf holds their hash instead."""


EXTRACTED = (
    "happened_at",
    "record_class",
    "action",
    "crud",
    "product",
    "project_id",
    "source",
    "source_epoch",
    "source_seq",
    "actor_id",
    "actor_type",
    "on_behalf_of",
    "impersonation_id",
    "session_id",
    "target_id",
    "target_type",
    "network",
    "is_failure",
    "external_id",
    "correlation_id",
    "trace_id",
    "words",
)
"""Fields of a record that stand in columns of their own, in the order of `extracted`."""

_extracted = attrgetter(*EXTRACTED)
LARGEST_ENTRY = 65_535
"""An entry's length is a uint16 in an entry bundle."""
BODIES = ("data", "data_base64")
ESCAPED_NUL = b"\\u0000"


def leaf_of(record: Record, received_at: datetime, nonce: bytes) -> Leaf:
    """`nonce` (16 random bytes) keeps the hash from confirming a guessed record.

    A body (`data` or `data_base64`) with which the entry would be larger than C2SP tlog-tiles allows is kept beside the
    leaf, which holds its SHA-256. Raises NotCanonical, also where the rest alone is too large, and ValueError for a record
    whose personal data are not sealed.
    """
    if record.personal:
        raise ValueError(f"{record.action} {record.id}: its personal data are not sealed")
    statement = {
        **record.statement,
        "received_at": _told(received_at),
        "nonce": b2a_base64(nonce, newline=False).decode(),
    }
    entry, body = (encoded if record.is_canonical else canonical)(statement), None
    if len(entry) > LARGEST_ENTRY:
        name = next((name for name in BODIES if name in statement), None)
        body = canonical(statement.pop(name)) if name else b""
        statement["body"] = {"member": name, "sha256": sha256(body).hexdigest(), "bytes": len(body)}
        entry = canonical(statement)
        if len(entry) > LARGEST_ENTRY:
            raise NotCanonical(
                f"/: the record has {len(entry)} bytes without its body, {LARGEST_ENTRY} are allowed"
            )
    return Leaf(record, received_at, entry, leaf_hash(entry), body)


@lru_cache(maxsize=64)
def _told(received_at: datetime) -> str:
    """All leaves of a tree in a batch have the same."""
    return rfc3339(received_at)


def extracted(leaf: Leaf) -> tuple[Any, ...]:
    """The columns of a leaf. What PostgreSQL cannot hold in a text (NUL) is replaced; the entry has it as it was."""
    columns: tuple[Any, ...] = _extracted(leaf.record)
    if ESCAPED_NUL not in leaf.entry:
        return columns
    return tuple(one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in columns)


def uuid_text(id_: UUID) -> str:
    """As `str` writes it; the encoder does it three times faster."""
    return orjson.dumps(id_)[1:-1].decode()


def rfc3339(time: datetime) -> str:
    """In UTC with microseconds, RFC 3339 §5.6. The encoder writes it four times faster, and leaves out a fraction of 0."""
    text = orjson.dumps(time.astimezone(UTC), option=orjson.OPT_UTC_Z)[1:-1].decode()
    return text if time.microsecond else f"{text[:-1]}.000000Z"
