"""Public keys that sign DPoP proofs: taken from a JWK, named by their thumbprint, verifying in one call.

`cryptography` is called directly: this is on the path of every request of every desktop, and the JOSE libraries add
more than the signature itself costs.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

PRIVATE_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")
"""The alphabet of base64url to that of base64, and what is of base64 alone to what is of neither."""
PADDING = (b"", b"!", b"==", b"=")
"""By what is left of the length; nothing encodes to one character."""
KINDS = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),  # the same by its later name (RFC 9864), which newer clients use alone
}
CURVES: dict[str, tuple[ec.EllipticCurve, ec.ECDSA, Callable[[bytes], Any], int]] = {
    "ES256": (ec.SECP256R1(), ec.ECDSA(Prehashed(hashes.SHA256())), hashlib.sha256, 32),
    "ES384": (ec.SECP384R1(), ec.ECDSA(Prehashed(hashes.SHA384())), hashlib.sha384, 48),
}
"""`hashlib` hashes a few hundred bytes in less time than a signature context of OpenSSL is made for them."""
ED25519_BYTES = 32


class UnusableKey(Exception):
    """The key cannot be taken; `reason` is a short stable word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ProofKey:
    """`jkt` is the thumbprint of RFC 7638; `has_signed(data, signature)` answers, never raises."""

    jkt: str
    has_signed: Callable[[bytes, bytes], bool]


def proof_key(alg: Any, jwk: Any) -> ProofKey:
    """The public key of a proof's header. Raises UnusableKey."""
    kind = KINDS.get(alg) if isinstance(alg, str) else None
    if kind is None:
        raise UnusableKey("alg", f"alg is {alg!r}, accepted are {', '.join(KINDS)}")
    if not isinstance(jwk, dict):
        raise UnusableKey("jwk", "the header carries no jwk")
    if PRIVATE_PARTS & jwk.keys():
        raise UnusableKey("private", "the jwk carries a private key; that key is burnt, make a new one")
    if (jwk.get("kty"), jwk.get("crv")) != kind:
        raise UnusableKey("jwk", f"the jwk is no key for {alg}")
    try:
        verify = _ed25519(jwk) if kind[0] == "OKP" else _ecdsa(alg, jwk)
        return ProofKey(thumbprint(jwk), verify)
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableKey("jwk", "the jwk is not a valid key") from error


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 §3: the required members in the order of their names, without spaces, hashed."""
    names = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    text = orjson.dumps({name: jwk[name] for name in names}, option=orjson.OPT_SORT_KEYS)
    return b64url(hashlib.sha256(text).digest())


def b64url(data: bytes) -> str:
    """RFC 7515 §2: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64url_bytes(text: str) -> bytes:
    """Strict, where Python's own decoder skips foreign characters. Raises ValueError."""
    encoded = text.encode("ascii").translate(TO_BASE64) + PADDING[len(text) % 4]
    return binascii.a2b_base64(encoded, strict_mode=True)


def _coordinate(jwk: Mapping[str, Any], name: str, size: int) -> bytes:
    """Exactly `size` bytes in their one spelling, else the same key would have several thumbprints (RFC 7518 §6.2.1.2)."""
    if not isinstance(jwk[name], str):
        raise TypeError(f"{name}: no text")
    raw = b64url_bytes(jwk[name])
    if len(raw) != size or b64url(raw) != jwk[name]:
        raise ValueError(f"{name}: {size} bytes are needed")
    return raw


def _ecdsa(alg: str, jwk: Mapping[str, Any]) -> Callable[[bytes, bytes], bool]:
    curve, algorithm, digest, size = CURVES[alg]
    point = b"\x04" + _coordinate(jwk, "x", size) + _coordinate(jwk, "y", size)
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)

    def has_signed(data: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * size:
            return False
        try:
            key.verify(_der(signature, size), digest(data).digest(), algorithm)
        except InvalidSignature:
            return False
        return True

    return has_signed


def _ed25519(jwk: Mapping[str, Any]) -> Callable[[bytes, bytes], bool]:
    key = Ed25519PublicKey.from_public_bytes(_coordinate(jwk, "x", ED25519_BYTES))

    def has_signed(data: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return has_signed


def _der(signature: bytes, size: int) -> bytes:
    """R and S, one behind the other in `size` bytes each (RFC 7518 §3.4), as the sequence of integers of RFC 3279 §2.2.3.

    Neither is so long that a length would need a second byte.
    """
    both = _integer(signature[:size]) + _integer(signature[size:])
    return b"\x30%c%b" % (len(both), both)


def _integer(big_endian: bytes) -> bytes:
    """In as few bytes as its sign allows (X.690 §8.3)."""
    digits = big_endian.lstrip(b"\0")
    if not digits or digits[0] & 0x80:
        digits = b"\0" + digits
    return b"\x02%c%b" % (len(digits), digits)
