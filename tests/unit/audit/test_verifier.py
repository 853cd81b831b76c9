"""The verifier's own Ed25519 and proofs: against published vectors, another implementation, and damage."""

import secrets
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry import log_verifier
from tenantry.log_verifier import Unverified

# RFC 8032 §7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032_are_met(key: str, message: str, signature: str) -> None:
    parts = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert log_verifier.is_signed(*parts)
    assert not log_verifier.is_signed(parts[0], parts[1] + b"x", parts[2])
    assert not log_verifier.is_signed(parts[0], parts[1], parts[2][:63])


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 511))
def test_what_another_implementation_signs_verifies_and_one_bit_less_does_not(
    message: bytes, bit: int
) -> None:
    private = Ed25519PrivateKey.generate()
    key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = private.sign(message)
    assert log_verifier.is_signed(key, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << (bit % 8)
    assert not log_verifier.is_signed(key, message, bytes(flipped))


def test_a_second_encoding_of_a_signature_or_a_point_is_none() -> None:
    key, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    answer = int.from_bytes(signature[32:], "little") + log_verifier.ORDER
    assert not log_verifier.is_signed(key, message, signature[:32] + answer.to_bytes(32, "little"))
    one_plus_p = (log_verifier.P + 1).to_bytes(32, "little")
    assert not log_verifier.is_signed(one_plus_p, message, signature)


def parts_beside(first: int, end: int, start: int, stop: int) -> list[tuple[int, int]]:
    """RFC 6962's own division of the leaves start…stop-1, as far as it lies beside first…end-1."""
    if stop <= first or start >= end:
        return [(start, stop)]
    if stop - start == 1:
        return []
    middle = start + (1 << ((stop - start - 1).bit_length() - 1))
    return parts_beside(first, end, start, middle) + parts_beside(first, end, middle, stop)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_range_gives_the_root_and_one_record_less_does_not(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    first = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(first + 1, size))
    leaves = [sha256(str(i).encode()).digest() for i in range(size)]
    proof = [log_verifier.root_of(leaves[a:b]) for a, b in parts_beside(first, end, 0, size)]
    root = log_verifier.root_of(leaves)
    assert log_verifier.root_from_range(leaves[first:end], first, size, proof) == root
    removed = data.draw(st.integers(first, end - 1))
    fewer = leaves[first:removed] + leaves[removed + 1 : end]
    assert not gives(fewer, first, size, proof, root)
    if end - first > 1:
        assert not gives([*leaves[first + 1 : end], leaves[first]], first, size, proof, root)
    assert not gives(leaves[first:end], first, size, [*proof, secrets.token_bytes(32)], root)


def gives(leaves: list[bytes], first: int, size: int, proof: list[bytes], root: bytes) -> bool:
    try:
        return log_verifier.root_from_range(leaves, first, size, proof) == root
    except Unverified:
        return False
