"""Signatures of proofs: in the form of JOSE they hold exactly if they hold in the form that the library takes."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from chassis.proof_keys import _der, proof_key

SIZES = {"ES256": ("P-256", 32, hashes.SHA256()), "ES384": ("P-384", 48, hashes.SHA384())}


@given(st.binary(min_size=96, max_size=96), st.sampled_from([32, 48]))
@example(bytes(96), 32)
@example(b"\xff" * 96, 48)
@example(b"\0" * 31 + b"\x80" + b"\0" * 31 + b"\x7f" + bytes(32), 32)
def test_two_numbers_become_the_sequence_that_the_library_makes_of_them(random: bytes, size: int) -> None:
    signature = random[: 2 * size]
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    assert _der(signature, size) == encode_dss_signature(r, s)


@given(st.sampled_from(["ES256", "ES384"]), st.binary(max_size=600), st.integers(0, 95))
def test_a_signature_holds_for_its_own_data_and_no_other(alg: str, data: bytes, place: int) -> None:
    curve, size, digest = SIZES[alg]
    key = ECKey.generate_key(curve)
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(digest)))
    signature = r.to_bytes(size) + s.to_bytes(size)
    verify = proof_key(alg, dict(key.as_dict(private=False))).has_signed
    assert verify(data, signature)
    assert not verify(data + b"!", signature)
    broken = bytearray(signature)
    broken[place % len(broken)] ^= 1
    assert not verify(data, bytes(broken))
    assert not verify(data, signature[:-1])
    assert not verify(data, bytes(2 * size))
