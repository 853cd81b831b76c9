"""What may be searched for. Pure."""

from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Protocol
from uuid import UUID

import orjson

from chassis.db import ReadTx

CAP = 10_000
"""Matches are counted up to here; more are `10,000+`."""
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """All of it must hold; None asks nothing. Times are of receipt, from inclusive and to exclusive."""

    record_id: UUID | None = None
    product: str | None = None
    project_id: str | None = None
    actor: str | None = None
    on_behalf_of: str | None = None
    action: str | None = None
    """Exact, or everything that begins with what stands before a `*` at the end."""
    crud: str | None = None
    target: str | None = None
    is_failure: bool | None = None
    network: Network | None = None
    """Addresses are kept in the clear up to their /24 (/48 of IPv6), so a narrower one finds its whole /24."""
    received_from: datetime | None = None
    received_to: datetime | None = None
    happened_from: datetime | None = None
    happened_to: datetime | None = None
    text: str | None = None
    """Plain words (`records.words.plain`): each must occur, in any form that English or French gives it."""
    word: bytes | None = None
    """The keyed word of an e-mail address or a name."""
    fields: tuple[tuple[str, str], ...] = ()
    """Fields of posted records and their values."""

    @property
    def prefix(self) -> str | None:
        """What the action must begin with."""
        return self.action[:-1] if self.action is not None and self.action.endswith("*") else None

    def digest(self) -> bytes:
        """The same for the same filter; to bind a page token to it and to name it in a record."""
        return orjson.dumps(asdict(self), default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


COLUMNS = (
    "leaf_index", "record_id", "received_at", "happened_at", "class", "action", "crud", "product", "project_id",
    "source", "source_epoch", "source_seq", "actor_id", "actor_type", "on_behalf_of", "impersonation_id", "session_id",
    "target_id", "target_type", "network", "is_failure", "external_id", "correlation_id", "trace_id", "entry", "leaf_hash",
)  # fmt: skip
"""Of a row that is found."""

Row = dict[str, Any]
Place = tuple[datetime, int]
"""(received at, leaf index) of the last row that the caller has."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The tree that a store's answers are about, None while it is being built, and how many documents there are."""

    size: int | None
    root: bytes | None
    documents: int


class SearchStore(Protocol):
    """Where records are searched. `tx` is the snapshot of the log, under the tenant's row-level security."""

    name: str

    async def find(
        self, tx: ReadTx, tenant_id: UUID, wanted: Filter, after: Place | None, most: int
    ) -> list[Row]:
        """Up to `most` rows, newest first, beyond `after`. Raises SearchTooWide, SearchStoreStale."""
        ...

    async def count(self, tx: ReadTx, tenant_id: UUID, wanted: Filter) -> int:
        """How many there are, at most CAP + 1. Raises what `find` raises."""
        ...

    async def standing(self, tx: ReadTx, tenant_id: UUID) -> Standing:
        """What it was built from. Raises SearchStoreStale."""
        ...

    async def forget(self, tenant_id: UUID) -> None:
        """Have a store beside the log built anew from it."""
        ...
