"""What becomes of one tree when records follow: its leaves, its new head. Pure."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from contracts.values import value
from services.audit.log import merkle
from services.audit.log.merkle import HASH_BYTES, TILE_WIDTH
from services.audit.records.record import Leaf, Record, leaf_of

NONCE_BYTES = 16


@value
class Head:
    """The state of one tree. `frontier` is its compact range, one hash after another, the largest subtree first."""

    tenant_id: UUID
    size: int
    root: bytes
    frontier: bytes
    received_at: datetime
    """Of its last leaf."""
    tile_began_at: datetime
    """Received time of the first leaf of the partial tile: none of that tile's leaves is older."""


@value
class Growth:
    """A tree before and after."""

    before: Head
    after: Head
    leaves: Sequence[Leaf]

    @property
    def completes_a_tile(self) -> bool:
        return self.before.size // TILE_WIDTH != self.after.size // TILE_WIDTH

    def hashes(self) -> list[bytes]:
        return [leaf.hash for leaf in self.leaves]


def grow(head: Head, records: Sequence[Record], now: datetime) -> Growth:
    """Received time never goes back, so that a range of it is a range of leaves. Raises NotCanonical."""
    received_at = max(now, head.received_at)
    random = secrets.token_bytes(NONCE_BYTES * len(records))
    leaves = [
        leaf_of(record, received_at, random[i * NONCE_BYTES : (i + 1) * NONCE_BYTES])
        for i, record in enumerate(records)
    ]
    size = head.size + len(leaves)
    frontier = merkle.grow(head.size, merkle.split(head.frontier), [leaf.hash for leaf in leaves])
    stays = head.size // TILE_WIDTH == size // TILE_WIDTH and head.size % TILE_WIDTH
    after = Head(
        tenant_id=head.tenant_id,
        size=size,
        root=merkle.root_of(frontier),
        frontier=b"".join(frontier),
        received_at=received_at,
        tile_began_at=head.tile_began_at if stays else received_at,
    )
    return Growth(head, after, leaves)


def finished_tiles(growth: Growth, edge: merkle.Tiles) -> merkle.Tiles:
    """The tiles to be written: complete ones, and partial ones above the leaves. `edge` is the right edge before."""
    changed = merkle.extend(growth.before.size, edge, growth.hashes())
    return {
        place: hashes
        for place, hashes in changed.items()
        if place[0] > 0 or len(hashes) == TILE_WIDTH * HASH_BYTES
    }
