"""The sequencer and the signer: append a batch of events to the tenants' trees; sign the heads that moved."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from chassis import outbox
from chassis.context import use_origin
from chassis.db import ReadTx, Tx
from chassis.gaps import Hole
from contracts.audit import CheckpointPublishedV1, GapDetectedV1, GapEvent, GapRepairedV1
from contracts.envelope import Message
from services.audit import merkle, store
from services.audit.entry import PLATFORM, Leaf, leaf_of, tree_of
from services.audit.errors import EmptyLog, LeafNotFound
from services.audit.note import Checkpoint, Signer

GAPS = UUID("5a0f1d0e-7c1b-5d0a-9a53-3d6f0e6f2b11")
"""Namespace of gap ids, which are made of what the gap is."""


def origin(tenant_id: UUID) -> str:
    """The name of a tenant's log, first line of its checkpoints."""
    return f"tenantry/audit/{tenant_id}"


async def append(tx: Tx, messages: Sequence[Message], now: datetime) -> None:
    """Give each event the next leaf of its tenant's tree; rows, tiles and heads move together."""
    by_tree: dict[UUID, list[Message]] = defaultdict(list)
    for message in messages:
        by_tree[tree_of(message)].append(message)
    rows: list[tuple[int, Leaf]] = []
    tiles: dict[UUID, merkle.Tiles] = {}
    heads: list[store.Head] = []
    for head in await store.lock_heads(tx, by_tree, now):
        # Received time never goes back, so that a range of it is a range of leaves.
        received_at = max(now, head.received_at)
        leaves = [
            leaf_of(message, received_at, secrets.token_bytes(16)) for message in by_tree[head.tenant_id]
        ]
        edge = await store.tiles_at(tx, head.tenant_id, merkle.edge(head.size))
        tiles[head.tenant_id] = merkle.append(head.size, edge, [leaf.hash for leaf in leaves])
        rows.extend(enumerate(leaves, head.size))
        size = head.size + len(leaves)
        root = merkle.root(size, merkle.node_reader(edge | tiles[head.tenant_id]))
        heads.append(store.Head(head.tenant_id, size, root, received_at))
    await store.copy_records(tx, rows)
    await store.put_tiles(tx, tiles)
    await store.move_heads(tx, heads)


async def sign_heads(tx: Tx, signer: Signer, now: datetime, most: int) -> int:
    """Sign up to `most` heads that moved and say so; answers how many."""
    grown = await store.heads_without_checkpoint(tx, most)
    for tenant_id, size, root in grown:
        checkpoint = Checkpoint(origin(tenant_id), size, root)
        if not await store.add_checkpoint(tx, tenant_id, checkpoint, signer.sign(checkpoint), now):
            continue
        published = CheckpointPublishedV1(
            tenant_id=None if tenant_id == PLATFORM else tenant_id,
            origin=checkpoint.origin,
            tree_size=size,
            root_hash=root.hex(),
        )
        await outbox.add(tx, published, aggregate_version=size)
    return len(grown)


def gap_id_of(hole: Hole) -> UUID:
    """The same hole has the same id in every process."""
    return uuid5(GAPS, f"{hole.source}\n{hole.epoch}\n{hole.first}\n{hole.last}")


async def open_gap(tx: Tx, hole: Hole, since: datetime) -> None:
    """Say that numbers are missing, unless it was said."""
    gap_id = gap_id_of(hole)
    if await store.open_gap(tx, gap_id, hole, since):
        await _say_of_gap(tx, GapDetectedV1, gap_id, hole, 1)


async def lose_gap(tx: Tx, hole: Hole) -> None:
    """Numbers of a gap are gone for good at their source."""
    await store.lose_gap(tx, hole)


async def settle_gaps(tx: Tx, now: datetime) -> None:
    """Say of every gap whose numbers have all arrived that it is repaired; of each once."""
    for gap_id, hole in await store.settle_gaps(tx, now):
        await _say_of_gap(tx, GapRepairedV1, gap_id, hole, 2)


async def _say_of_gap(tx: Tx, event: type[GapEvent], gap_id: UUID, hole: Hole, version: int) -> None:
    told = event(gap_id=gap_id, source=hole.source, epoch=hole.epoch, first=hole.first, last=hole.last)
    with use_origin(correlation_id=str(gap_id), actor_type="system"):
        await outbox.add(tx, told, aggregate_version=version)


async def prove_inclusion(
    tx: ReadTx, tenant_id: UUID, index: int
) -> tuple[store.StoredCheckpoint, list[bytes]]:
    """The latest checkpoint and the path from leaf `index` to its root."""
    checkpoint = await signed_head(tx, tenant_id)
    if not 0 <= index < checkpoint.size:
        raise LeafNotFound(f"leaf {index} is not in the signed tree of {checkpoint.size} leaves")
    places = merkle.inclusion_places(index, 0, checkpoint.size)
    tiles = await store.tiles_at(tx, tenant_id, merkle.tiles_of_proof(places))
    return checkpoint, merkle.inclusion_proof(index, checkpoint.size, merkle.node_reader(tiles))


async def prove_consistency(
    tx: ReadTx, tenant_id: UUID, old: int
) -> tuple[store.StoredCheckpoint, list[bytes]]:
    """The latest checkpoint and the proof that it extends the tree of `old` leaves."""
    checkpoint = await signed_head(tx, tenant_id)
    if not 0 < old <= checkpoint.size:
        raise LeafNotFound(f"the signed tree has {checkpoint.size} leaves; ask for a size from 1 to that")
    places = merkle.consistency_places(old, 0, checkpoint.size, True)
    tiles = await store.tiles_at(tx, tenant_id, merkle.tiles_of_proof(places))
    return checkpoint, merkle.consistency_proof(old, checkpoint.size, merkle.node_reader(tiles))


async def signed_head(tx: ReadTx, tenant_id: UUID) -> store.StoredCheckpoint:
    checkpoint = await store.latest_checkpoint(tx, tenant_id)
    if checkpoint is None:
        raise EmptyLog("this tenant has no signed checkpoint yet; its first record is signed within a second")
    return checkpoint
