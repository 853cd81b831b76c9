"""Published vectors: proofs are made and verified as they say, every malformed one is refused, a note opens."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.audit.log import merkle
from tenantry import log_verifier
from tenantry.log_verifier import Unverified

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
HASHES = [log_verifier.leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]
EMPTY, OTHER = bytes.fromhex(VECTORS["empty_root"]), bytes(range(32))
TILES = merkle.extend(0, {}, HASHES)


def hashes_of(vector: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(piece) for piece in vector["proof"]]


def includes(index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> bool:
    try:
        return log_verifier.root_from_inclusion(leaf, index, size, proof) == root
    except Unverified:
        return False


def damaged(proof: list[bytes], *roots: bytes) -> Iterator[list[bytes]]:
    """Every way in which the vectors spoil a proof."""
    for piece in (b"", *roots):
        yield [*proof, piece]
        yield [piece, *proof]
    for place in range(len(proof)):
        for bit in (8, 16):
            yield [*proof[:place], bytes([proof[place][0] ^ bit]) + proof[place][1:], *proof[place + 1 :]]
        yield [*proof[:place], *proof[place + 1 :]]
    if len(proof) > 1:
        yield [proof[0], OTHER, *proof[1:]]


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['leaf']} of {v['size']}")
def test_an_inclusion_proof_is_as_published_and_nothing_else_verifies(vector: dict[str, Any]) -> None:
    index, size, proof = vector["leaf"], vector["size"], hashes_of(vector)
    leaf, root = HASHES[index], ROOTS[size - 1]
    assert merkle.inclusion_proof(index, size, merkle.node_reader(TILES)) == proof
    assert includes(index, size, leaf, proof, root)
    assert not any(includes(index, size, leaf, spoilt, root) for spoilt in damaged(proof, root))
    others = {index - 1, index + 1, index ^ 2} - {index}
    assert not any(includes(other, size, leaf, proof, root) for other in others)
    assert not any(includes(index, other, leaf, proof, root) for other in {size * 2, size // 2})
    assert not any(includes(index, size, leaf, proof, other) for other in (EMPTY, OTHER, b""))
    assert not includes(index, size, b"WrongLeaf", proof, root)


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda v: f"{v['old']} to {v['size']}")
def test_a_consistency_proof_is_as_published_and_nothing_else_verifies(vector: dict[str, Any]) -> None:
    old, size, proof = vector["old"], vector["size"], hashes_of(vector)
    before, after = ROOTS[old - 1], ROOTS[size - 1]
    consistent = log_verifier.is_consistent
    assert merkle.consistency_proof(old, size, merkle.node_reader(TILES)) == proof
    assert consistent(old, size, before, after, proof)
    assert not any(consistent(old, size, before, after, spoilt) for spoilt in damaged(proof, before, after))
    if old < size:
        others = {old - 1, old + 1, old ^ 2} - {old}
        assert not any(consistent(other, size, before, after, proof) for other in others)
        assert not any(consistent(old, other, before, after, proof) for other in {size * 2, size // 2})
        assert not consistent(old, size, after, before, proof)
        assert not consistent(old, size, before, after, [])
    assert not consistent(old, size, b"WrongRoot", after, proof)
    assert not consistent(old, size, before, b"WrongRoot", proof)


def test_the_published_note_opens_with_its_key_alone() -> None:
    note = VECTORS["note"]
    whole = f"{note['text']}\n{note['signature']}"
    assert log_verifier.open_text(whole, note["key"]) == note["text"]
    spoilt = [
        whole.replace("cryptography", "Cryptography"),
        whole.replace("\n\n", "\n"),
        whole.replace("x08go", "x08gp"),
        whole.replace("— PeterNeumann", "— Peter"),
        note["text"],
    ]
    for text in spoilt:
        with pytest.raises(Unverified):
            log_verifier.open_text(text, note["key"])
    for key in ("PeterNeumann+c74f20a3", note["key"].replace("c74f20a3", "c74f20a4")):
        with pytest.raises(Unverified, match="verifier key"):
            log_verifier.open_text(whole, key)
    unknown = whole + "— somebody.else AAAAAAAA\n"
    assert log_verifier.open_text(unknown, note["key"]) == note["text"]
