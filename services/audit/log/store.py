"""One typed function per named query."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries
from services.audit.log.growth import Head
from services.audit.log.merkle import EMPTY_ROOT, HASH_BYTES, TILE_WIDTH, Place, Tiles
from services.audit.log.note import Checkpoint
from services.audit.records.record import EXTRACTED, Leaf, extracted

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))

LEAF_COLUMNS = (
    "tenant_id",
    "leaf_index",
    "record_id",
    "received_at",
    "entry",
    "leaf_hash",
    *("class" if name == "record_class" else name for name in EXTRACTED),
)


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
    heads = [Head(*row) async for row in queries.lock_heads(tx, tenant_ids=wanted)]
    if len(heads) < len(wanted):  # with all locks anew, so that they are taken in order
        await queries.add_heads(tx, tenant_ids=wanted, root=EMPTY_ROOT, at=at)
        heads = [Head(*row) async for row in queries.lock_heads(tx, tenant_ids=wanted)]
    return heads


async def known_records(
    tx: ReadTx, wanted: Sequence[tuple[UUID, UUID]], since: datetime
) -> list[tuple[UUID, UUID, int]]:
    """(tree, record, leaf index) of those of `wanted` (tree, record) that were received from `since` on."""
    rows = queries.known_records(
        tx, tenant_ids=[tree for tree, _ in wanted], record_ids=[id_ for _, id_ in wanted], since=since
    )
    return [(row["tenant_id"], row["record_id"], row["leaf_index"]) async for row in rows]


async def tiles_at(tx: ReadTx, tenant_id: UUID, places: Iterable[Place]) -> Tiles:
    """The tiles of one tree at these places, as far as they have grown."""
    return (await tiles_of(tx, {tenant_id: places}))[tenant_id]


async def tiles_of(tx: ReadTx, wanted: Mapping[UUID, Iterable[Place]]) -> dict[UUID, Tiles]:
    """The tiles of several trees at these places, as far as they have grown.

    Complete tiles, and partial ones above the leaves, are rows. The partial tile of leaf hashes is not written with every
    batch: it is the leaf hashes of the last records.
    """
    places = sorted({(tree, *place) for tree, some in wanted.items() for place in some})
    if not places:
        return {tree: {} for tree in wanted}
    trees, levels, numbers = (list(column) for column in zip(*places, strict=True))
    tiles: dict[UUID, Tiles] = {tree: {} for tree in wanted}
    async for row in queries.tile_rows(tx, tenant_ids=trees, levels=levels, numbers=numbers):
        tiles[row["tenant_id"]][(row["level"], row["number"])] = bytes(row["hashes"])
    partial = [
        (tree, number * TILE_WIDTH + len(kept) // HASH_BYTES, (number + 1) * TILE_WIDTH)
        for tree, level, number in places
        if level == 0 and len(kept := tiles[tree].get((0, number), b"")) < TILE_WIDTH * HASH_BYTES
    ]
    if partial:
        trees, firsts, ends = (list(column) for column in zip(*partial, strict=True))
        async for row in queries.leaf_hashes(tx, tenant_ids=trees, firsts=firsts, ends=ends):
            place, tree = (0, row["first"] // TILE_WIDTH), tiles[row["tenant_id"]]
            tree[place] = tree.get(place, b"") + bytes(row["hashes"])
    return tiles


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
        frontiers=[head.frontier for head in heads],
        at=[head.received_at for head in heads],
        tiles_began_at=[head.tile_began_at for head in heads],
    )


async def copy_leaves(tx: Tx, rows: Iterable[tuple[int, Leaf]]) -> None:
    """Write (leaf index, leaf) pairs with COPY."""
    records = (
        (
            leaf.record.tenant_id,
            index,
            leaf.record.id,
            leaf.received_at,
            leaf.entry,
            leaf.hash,
            *extracted(leaf),
        )
        for index, leaf in rows
    )
    await tx.copy_records_to_table("audit_event", records=records, columns=LEAF_COLUMNS)


async def heads_without_checkpoint(
    tx: ReadTx, most: int, only: UUID | None = None
) -> list[tuple[UUID, int, bytes]]:
    """Trees that grew since they were last signed: (tenant, size, root)."""
    rows = queries.heads_without_checkpoint(tx, most=most, only=only)
    return [(row["tenant_id"], row["size"], bytes(row["root"])) async for row in rows]


async def add_checkpoints(
    tx: Tx, checkpoints: Mapping[UUID, Checkpoint], notes: Mapping[UUID, str], signed_at: datetime
) -> list[UUID]:
    """The trees of those that no other process has signed meanwhile."""
    rows = queries.add_checkpoints(
        tx,
        tenant_ids=list(checkpoints),
        sizes=[checkpoint.size for checkpoint in checkpoints.values()],
        roots=[checkpoint.root for checkpoint in checkpoints.values()],
        notes=[notes[tree] for tree in checkpoints],
        signed_at=signed_at,
    )
    return [row["tenant_id"] async for row in rows]


async def latest_checkpoint(tx: ReadTx, tenant_id: UUID) -> StoredCheckpoint | None:
    row = await queries.latest_checkpoint(tx, tenant_id=tenant_id)
    return None if row is None else StoredCheckpoint(*row)


async def records_from(tx: ReadTx, tenant_id: UUID, first: int, most: int) -> list[dict[str, Any]]:
    """Records from leaf `first` on, in order."""
    return [dict(row) async for row in queries.records_from(tx, tenant_id=tenant_id, first=first, most=most)]


async def record_of_id(tx: ReadTx, tenant_id: UUID, record_id: UUID) -> dict[str, Any] | None:
    row = await queries.record_of_id(tx, tenant_id=tenant_id, record_id=record_id)
    return None if row is None else dict(row)


async def entries(tx: ReadTx, tenant_id: UUID, first: int, end: int) -> list[bytes]:
    """The exact bytes of the leaves first…end-1, as far as they are there."""
    rows = queries.entries(tx, tenant_id=tenant_id, first=first, end=end)
    return [bytes(row["entry"]) async for row in rows]


async def signed_records(tx: ReadTx, wanted: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Those of `wanted` (tree, record) that a checkpoint covers."""
    rows = queries.signed_records(
        tx, tenant_ids=[tree for tree, _ in wanted], record_ids=[id_ for _, id_ in wanted]
    )
    return [(row["tenant_id"], row["record_id"]) async for row in rows]


async def add_bodies(tx: Tx, bodies: Sequence[tuple[UUID, int, Leaf]]) -> None:
    """Bodies that their leaves hold the hash of, (tree, leaf index, leaf)."""
    await queries.add_bodies(
        tx,
        tenant_ids=[tree for tree, _, _ in bodies],
        leaf_indexes=[index for _, index, _ in bodies],
        received_at=[leaf.received_at for _, _, leaf in bodies],
        bodies=[leaf.body for _, _, leaf in bodies],
    )


async def body_of(tx: ReadTx, tenant_id: UUID, leaf_index: int) -> bytes | None:
    """The body that is kept beside this leaf; None for a leaf that holds its own."""
    found: bytes | None = await queries.body_of(tx, tenant_id=tenant_id, leaf_index=leaf_index)
    return found


async def checkpoint_at(tx: ReadTx, tenant_id: UUID, size: int) -> StoredCheckpoint | None:
    row = await queries.checkpoint_at(tx, tenant_id=tenant_id, size=size)
    return None if row is None else StoredCheckpoint(*row)
