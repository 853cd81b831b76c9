"""The proofs of an export: that a range of leaves stands in the tree as it is, and that one leaf does. Pure but for tiles.

The proof of a range is the hashes of the largest complete parts of the tree (RFC 6962 §2.1) beside it, from left to right.
Whoever has the leaves of the range and these hashes computes the root; one leaf more, less, changed or moved gives another.
"""

from typing import Any
from uuid import UUID

from chassis.db import ReadTx
from services.audit.log import merkle, store

Range = tuple[int, int]
"""Leaves from the first to before the second."""


def parts_beside(first: int, end: int, start: int, stop: int) -> list[Range]:
    """The parts of the leaves start…stop-1, divided as the tree divides them, that lie beside first…end-1."""
    if stop <= first or start >= end:
        return [(start, stop)]
    if first <= start and stop <= end:
        return []
    middle = start + (1 << ((stop - start - 1).bit_length() - 1))
    return parts_beside(first, end, start, middle) + parts_beside(first, end, middle, stop)


async def range_proof(tx: ReadTx, tenant_id: UUID, first: int, end: int, size: int) -> list[bytes]:
    """For the leaves first…end-1 of the tree of `size`."""
    places = parts_beside(first, end, 0, size)
    node_at = merkle.node_reader(await store.tiles_at(tx, tenant_id, merkle.tiles_of_proof(places)))
    return [merkle.range_root(*place, node_at) for place in places]


async def inclusion_proofs(tx: ReadTx, tenant_id: UUID, leaves: list[int], size: int) -> list[dict[str, Any]]:
    """One line of `proofs/records.jsonl` per leaf: {"leaf", "hashes"}, hexadecimal, nearest first."""
    needed: set[tuple[int, int]] = set()
    for leaf in leaves:
        needed |= merkle.tiles_of_proof(merkle.inclusion_places(leaf, 0, size))
    node_at = merkle.node_reader(await store.tiles_at(tx, tenant_id, needed))
    return [
        {"leaf": leaf, "hashes": [piece.hex() for piece in merkle.inclusion_proof(leaf, size, node_at)]}
        for leaf in leaves
    ]
