"""The tree against RFC 6962: its own recursive definition, its published vectors, and proofs that verify."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.log import merkle
from tenantry import log_verifier as independent

# Leaves and roots of the reference test vectors of RFC 6962's implementation (certificate-transparency, merkle_tree_test).
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


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
    assert merkle.root_of(merkle.grow(0, [], [])) == hashlib.sha256(b"").digest()
    for size, expected in enumerate(ROOTS, 1):
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
