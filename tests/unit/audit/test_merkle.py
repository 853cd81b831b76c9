"""The tree against RFC 6962: its own recursive definition, its published vectors, and proofs that verify."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.log import merkle
from tenantry import log_verifier as independent

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]


def grow(entries: list[bytes], batch: int) -> merkle.Tiles:
    """Tiles of a tree that grew by batches, from its right edge alone."""
    tiles: merkle.Tiles = {}
    for start in range(0, len(entries), batch):
        leaves = [merkle.leaf_hash(entry) for entry in entries[start : start + batch]]
        edge = {place: tiles[place] for place in merkle.edge(start)}
        tiles |= merkle.extend(start, edge, leaves)
    return tiles


def test_the_reference_roots_are_met() -> None:
    tiles = grow(LEAVES, 1)
    assert merkle.root_of(merkle.grow(0, [], [])) == bytes.fromhex(VECTORS["empty_root"])
    for size, expected in enumerate(VECTORS["roots"], 1):
        assert merkle.range_root(0, size, merkle.node_reader(tiles)).hex() == expected


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 1400), batch=st.integers(1, 600))
def test_the_root_does_not_depend_on_how_the_tree_grew(size: int, batch: int) -> None:
    entries = [str(i).encode() for i in range(size)]
    tiles = grow(entries, batch)
    leaves = [*map(merkle.leaf_hash, entries)]
    expected = independent.root_of(leaves)
    assert merkle.range_root(0, size, merkle.node_reader(tiles)) == expected
    frontier = merkle.grow(0, [], leaves[:batch])
    assert merkle.root_of(merkle.grow(min(batch, size), frontier, leaves[batch:])) == expected


def test_two_levels_of_full_tiles_are_met() -> None:
    entries = [str(i).encode() for i in range(66_000)]
    tiles = grow(entries, 5_000)
    assert max(level for level, _ in tiles) == 2
    assert merkle.range_root(0, 66_000, merkle.node_reader(tiles)) == independent.root_of(
        [*map(merkle.leaf_hash, entries)]
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_inclusion_proof_verifies_and_a_wrong_leaf_does_not(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 900))
    index = data.draw(st.integers(0, size - 1))
    entries = [str(i).encode() for i in range(size)]
    tiles = grow(entries, 300)
    reader = merkle.node_reader(
        {place: tiles[place] for place in merkle.tiles_of_proof(merkle.inclusion_places(index, 0, size))}
    )
    proof = merkle.inclusion_proof(index, size, reader)
    head = merkle.range_root(0, size, merkle.node_reader(tiles))
    assert independent.root_from_inclusion(merkle.leaf_hash(entries[index]), index, size, proof) == head
    assert independent.root_from_inclusion(merkle.leaf_hash(b"another"), index, size, proof) != head


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_consistency_proof_verifies_and_a_rewritten_history_does_not(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 900))
    old = data.draw(st.integers(1, size))
    tiles = grow([str(i).encode() for i in range(size)], 300)
    places = merkle.consistency_places(old, 0, size, True)
    reader = merkle.node_reader({place: tiles[place] for place in merkle.tiles_of_proof(places)})
    proof = merkle.consistency_proof(old, size, reader)
    everything = merkle.node_reader(tiles)
    before, after = merkle.range_root(0, old, everything), merkle.range_root(0, size, everything)
    assert independent.is_consistent(old, size, before, after, proof)
    rewritten = grow([b"edited", *(str(i).encode() for i in range(1, old))], 300)
    assert not independent.is_consistent(
        old, size, merkle.range_root(0, old, merkle.node_reader(rewritten)), after, proof
    )


def test_a_leaf_outside_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="leaf 8 is not in a tree of 8"):
        merkle.inclusion_proof(8, 8, merkle.node_reader(grow(LEAVES, 8)))
