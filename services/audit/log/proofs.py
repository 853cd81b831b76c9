"""What is proved about a tenant's log: that a record is in it, that it only grew."""

from uuid import UUID

from chassis.db import ReadTx
from services.audit.errors import EmptyLog, LeafNotFound, TileNotFound
from services.audit.log import merkle, store


async def prove_inclusion(
    tx: ReadTx, tenant_id: UUID, index: int, checkpoint: store.StoredCheckpoint | None = None
) -> tuple[store.StoredCheckpoint, list[bytes]]:
    """The checkpoint (the latest where none is given) and the path from leaf `index` to its root. Raises LeafNotFound."""
    checkpoint = checkpoint or await signed_head(tx, tenant_id)
    if not 0 <= index < checkpoint.size:
        raise LeafNotFound(f"leaf {index} is not in the signed tree of {checkpoint.size} leaves")
    places = merkle.inclusion_places(index, 0, checkpoint.size)
    found = await store.tiles_at(tx, tenant_id, merkle.tiles_of_proof(places))
    return checkpoint, merkle.inclusion_proof(index, checkpoint.size, merkle.node_reader(found))


async def prove_consistency(
    tx: ReadTx, tenant_id: UUID, old: int, checkpoint: store.StoredCheckpoint | None = None
) -> tuple[store.StoredCheckpoint, list[bytes]]:
    """The checkpoint (the latest where none is given) and the proof that it extends the tree of `old` leaves.

    Raises LeafNotFound.
    """
    checkpoint = checkpoint or await signed_head(tx, tenant_id)
    if not 0 < old <= checkpoint.size:
        raise LeafNotFound(f"the signed tree has {checkpoint.size} leaves; ask for a size from 1 to that")
    places = merkle.consistency_places(old, 0, checkpoint.size, True)
    found = await store.tiles_at(tx, tenant_id, merkle.tiles_of_proof(places))
    return checkpoint, merkle.consistency_proof(old, checkpoint.size, merkle.node_reader(found))


async def signed_head(tx: ReadTx, tenant_id: UUID) -> store.StoredCheckpoint:
    checkpoint = await store.latest_checkpoint(tx, tenant_id)
    if checkpoint is None:
        raise EmptyLog("this tenant has no signed checkpoint yet; its first record is signed within a second")
    return checkpoint


async def check_is_signed(tx: ReadTx, tenant_id: UUID, level: int, number: int, width: int) -> None:
    """Raises TileNotFound where the signed tree does not fill the tile so far, EmptyLog where nothing is signed."""
    size = (await signed_head(tx, tenant_id)).size
    if number * merkle.TILE_WIDTH + width > size >> (merkle.TILE_HEIGHT * level):
        raise TileNotFound(f"the signed tree of {size} leaves has no such tile")


async def signed_at(tx: ReadTx, tenant_id: UUID, size: int) -> store.StoredCheckpoint:
    """The checkpoint of exactly so many leaves. Raises LeafNotFound where none was signed."""
    checkpoint = await store.checkpoint_at(tx, tenant_id, size)
    if checkpoint is None:
        raise LeafNotFound(f"no checkpoint of {size} leaves was signed")
    return checkpoint
