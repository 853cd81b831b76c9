"""One typed function per named query."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries
from chassis.gaps import Hole
from services.audit.entry import Leaf, trace_id_of
from services.audit.merkle import EMPTY_ROOT, Tiles
from services.audit.note import Checkpoint

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))

RECORD_COLUMNS = (
    "tenant_id",
    "leaf_index",
    "event_id",
    "received_at",
    "event_time",
    "type",
    "source",
    "source_epoch",
    "source_seq",
    "subject",
    "actor_id",
    "actor_type",
    "correlation_id",
    "trace_id",
    "entry",
    "leaf_hash",
)


@dataclass(frozen=True, slots=True)
class Head:
    """The state of one tenant's tree."""

    tenant_id: UUID
    size: int
    root: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it was signed."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


async def lock_heads(tx: Tx, tenant_ids: Iterable[UUID], at: datetime) -> list[Head]:
    """The heads of these trees, locked in order until the transaction ends; a tree new to us starts empty."""
    wanted = sorted(set(tenant_ids))
    await queries.add_heads(tx, tenant_ids=wanted, root=EMPTY_ROOT, at=at)
    return [Head(*row) async for row in queries.lock_heads(tx, tenant_ids=wanted)]


async def tiles_at(tx: ReadTx, tenant_id: UUID, places: Iterable[tuple[int, int]]) -> Tiles:
    """The stored tiles at these (level, number)."""
    wanted = sorted(set(places))
    rows = queries.tiles_at(
        tx,
        tenant_id=tenant_id,
        levels=[level for level, _ in wanted],
        numbers=[number for _, number in wanted],
    )
    return {(row["level"], row["number"]): bytes(row["hashes"]) async for row in rows}


async def put_tiles(tx: Tx, tiles: Mapping[UUID, Tiles]) -> None:
    rows = [(tenant, *place, hashes) for tenant, some in tiles.items() for place, hashes in some.items()]
    tenants, levels, numbers, hashes = (list(column) for column in zip(*rows, strict=True))
    await queries.put_tiles(tx, tenant_ids=tenants, levels=levels, numbers=numbers, hashes=hashes)


async def move_heads(tx: Tx, heads: Sequence[Head]) -> None:
    await queries.move_heads(
        tx,
        tenant_ids=[head.tenant_id for head in heads],
        sizes=[head.size for head in heads],
        roots=[head.root for head in heads],
        at=[head.received_at for head in heads],
    )


async def copy_records(tx: Tx, rows: Iterable[tuple[int, Leaf]]) -> None:
    """Write (leaf index, leaf) pairs with COPY."""
    await tx.copy_records_to_table(
        "record", records=[record_row(index, leaf) for index, leaf in rows], columns=RECORD_COLUMNS
    )


def record_row(index: int, leaf: Leaf) -> tuple[Any, ...]:
    """The columns of a leaf. What PostgreSQL cannot hold in a text (NUL) is replaced; the entry has it as it was."""
    envelope = leaf.envelope
    columns = (
        leaf.tenant_id,
        index,
        envelope.id,
        leaf.received_at,
        envelope.time,
        envelope.type,
        envelope.source,
        envelope.epoch,
        envelope.sequence,
        envelope.subject,
        envelope.actor_id,
        envelope.actor_type,
        envelope.correlation_id,
        trace_id_of(envelope.traceparent),
        leaf.entry,
        leaf.hash,
    )
    return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in columns)


async def heads_without_checkpoint(tx: ReadTx, most: int) -> list[tuple[UUID, int, bytes]]:
    """Trees that grew since they were last signed: (tenant, size, root)."""
    rows = queries.heads_without_checkpoint(tx, most=most)
    return [(row["tenant_id"], row["size"], bytes(row["root"])) async for row in rows]


async def add_checkpoint(
    tx: Tx, tenant_id: UUID, checkpoint: Checkpoint, note: str, signed_at: datetime
) -> bool:
    """False when another process has signed this size meanwhile."""
    added = await queries.add_checkpoint(
        tx,
        tenant_id=tenant_id,
        size=checkpoint.size,
        root=checkpoint.root,
        note=note,
        signed_at=signed_at,
    )
    return added is not None


async def latest_checkpoint(tx: ReadTx, tenant_id: UUID) -> StoredCheckpoint | None:
    row = await queries.latest_checkpoint(tx, tenant_id=tenant_id)
    return None if row is None else StoredCheckpoint(*row)


async def records_from(tx: ReadTx, tenant_id: UUID, first: int, most: int) -> list[dict[str, Any]]:
    """Records from leaf `first` on, in order."""
    return [dict(row) async for row in queries.records_from(tx, tenant_id=tenant_id, first=first, most=most)]


async def record_of_event(tx: ReadTx, tenant_id: UUID, event_id: UUID) -> dict[str, Any] | None:
    row = await queries.record_of_event(tx, tenant_id=tenant_id, event_id=event_id)
    return None if row is None else dict(row)


async def open_gap(tx: Tx, gap_id: UUID, hole: Hole, at: datetime) -> bool:
    """False when it, or a gap that holds it, is open already."""
    return (
        await queries.open_gap(
            tx,
            gap_id=gap_id,
            source=hole.source,
            epoch=hole.epoch,
            first=hole.first,
            last=hole.last,
            at=at,
        )
        is not None
    )


async def lose_gap(tx: Tx, hole: Hole) -> None:
    await queries.lose_gap(tx, source=hole.source, epoch=hole.epoch, first=hole.first, last=hole.last)


async def settle_gaps(tx: Tx, at: datetime) -> list[tuple[UUID, Hole]]:
    """The gaps that this call found whole."""
    rows = queries.settle_gaps(tx, at=at)
    return [
        (row["gap_id"], Hole(row["source"], row["epoch"], row["first"], row["last"])) async for row in rows
    ]
