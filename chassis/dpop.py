"""DPoP proofs (RFC 9449): the checks of §4.3 in their order, nonces of §8 and §9, a memory of what was used."""

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from chassis.proof_keys import (
    PRIVATE_PARTS,
    ProofKey,
    UnusableKey,
    b64url,
    b64url_bytes,
    proof_key,
    thumbprint,
)
from chassis.web_addresses import normalised

__all__ = [
    "PRIVATE_PARTS",
    "DpopError",
    "Nonces",
    "Proof",
    "ReplayMemory",
    "b64url",
    "normalised",
    "thumbprint",
    "verify_proof",
]

OLDEST_SECONDS = 60
NEWEST_SECONDS = 10
REMEMBER_SECONDS = 130
MAX_PROOF = 4096
MAX_JTI = 256
NONCE_BUCKET_SECONDS = 60


class DpopError(Exception):
    """The proof is refused; `reason` is a short stable word, the message says more. `needs_nonce` asks for one."""

    def __init__(self, reason: str, detail: str, *, needs_nonce: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.needs_nonce = needs_nonce


@dataclass(frozen=True, slots=True)
class Proof:
    """What a valid proof proves; times are seconds since 1970."""

    jkt: str
    jti: str
    iat: int


class Nonces:
    """Stateless nonces: the HMAC of a one-minute bucket; the present and the previous one are accepted."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._made: dict[int, str] = {}

    def current(self, now: float) -> str:
        return self._of(int(now // NONCE_BUCKET_SECONDS))

    def is_valid(self, nonce: str, now: float) -> bool:
        bucket = int(now // NONCE_BUCKET_SECONDS)
        return any(hmac.compare_digest(nonce.encode(), self._of(bucket - back).encode()) for back in (0, 1))

    def _of(self, bucket: int) -> str:
        nonce = self._made.get(bucket)
        if nonce is None:
            nonce = b64url(hmac.digest(self._secret, bucket.to_bytes(8, "big"), "sha256")[:18])
            self._made = {kept: made for kept, made in self._made.items() if kept >= bucket - 1} | {
                bucket: nonce
            }
        return nonce


class ReplayMemory:
    """Remembers (jkt, jti) for as long as a proof could be accepted again; bounded, oldest out first."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def is_first(self, jkt: str, jti: str, now: float) -> bool:
        """True once per proof."""
        while self._used:
            oldest, at = next(iter(self._used.items()))
            if now - at < REMEMBER_SECONDS and len(self._used) <= self._most:
                break
            del self._used[oldest]
        key = hashlib.sha256(f"{jkt}\0{jti}".encode()).digest()[:16]
        if key in self._used:
            return False
        self._used[key] = now
        return True


def verify_proof(
    proofs: list[str],
    *,
    method: str,
    url: str,
    access_token: str | None,
    expected_jkt: str | None,
    now: float | None = None,
    nonces: Nonces,
    replay: ReplayMemory,
    demand_nonce: bool = False,
) -> Proof:
    """The checks of RFC 9449 §4.3. `proofs` are all DPoP headers of the request, `url` our own public address of it.

    Raises DpopError, and nothing else whatever the proof holds. It counts as used only when everything else held.
    """
    moment = time.time() if now is None else now
    if len(proofs) != 1:
        raise DpopError("count", f"exactly one DPoP header is needed, the request has {len(proofs)}")
    key, claims = _opened(proofs[0])
    if claims.get("htm") != method:
        raise DpopError("htm", f"htm is {claims.get('htm')!r}, the request is a {method}")
    if not _is_same_address(claims.get("htu"), url):
        raise DpopError("htu", f"htu is {claims.get('htu')!r}, the address is {normalised(url)}")
    _check_token(claims, access_token)
    if expected_jkt is not None and not hmac.compare_digest(key.jkt.encode(), expected_jkt.encode()):
        raise DpopError("binding", "the access token is bound to another key")
    iat = _checked_time(claims, moment, nonces, demand_nonce=demand_nonce)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI:
        raise DpopError("jti", f"jti is missing or longer than {MAX_JTI} characters")
    if not replay.is_first(key.jkt, jti, moment):
        raise DpopError("replay", "the proof was used before")
    return Proof(key.jkt, jti, iat)


def _opened(proof: str) -> tuple[ProofKey, dict[str, Any]]:
    """The key that the header carries and the claims that it signed; the signature is verified."""
    if len(proof) > MAX_PROOF or proof.count(".") != 2:
        raise DpopError("form", f"the proof is not a compact JWS of at most {MAX_PROOF} characters")
    head, body, signature = proof.split(".")
    key = _key_of(head)
    claims = _object(body, "payload")
    try:
        genuine = key.has_signed(f"{head}.{body}".encode(), b64url_bytes(signature))
    except ValueError as error:
        raise DpopError("form", "the signature of the proof is not base64url") from error
    if not genuine:
        raise DpopError("signature", "the signature does not verify with the proof's own key")
    return key, claims


@lru_cache(maxsize=20_000)
def _key_of(segment: str) -> ProofKey:
    """Everything that the header decides. A device sends the same header with every proof, so it is parsed once."""
    header = _object(segment, "header")
    if header.get("typ") != "dpop+jwt":
        raise DpopError("typ", f"typ is {header.get('typ')!r}, not dpop+jwt")
    if "crit" in header:  # RFC 7515 §4.1.11: an extension that must be understood, and none is
        raise DpopError("crit", "the header asks for extensions (crit) that are not understood")
    try:
        return proof_key(header.get("alg"), header.get("jwk"))
    except UnusableKey as error:
        raise DpopError(error.reason, error.detail) from error


def _object(segment: str, what: str) -> dict[str, Any]:
    """orjson refuses what would hurt later: NaN, lone surrogates, bytes that are not UTF-8, deep nesting."""
    try:
        value = orjson.loads(b64url_bytes(segment))
    except ValueError as error:
        raise DpopError("form", f"the {what} of the proof is not JSON in base64url") from error
    if not isinstance(value, dict):
        raise DpopError("form", f"the {what} of the proof is not an object")
    return value


def _is_same_address(htu: Any, url: str) -> bool:
    if not isinstance(htu, str):
        return False
    address = normalised(htu)
    return address != "" and address == normalised(url)


def _check_token(claims: dict[str, Any], access_token: str | None) -> None:
    if access_token is None:
        return
    expected = b64url(hashlib.sha256(access_token.encode()).digest())
    ath = claims.get("ath")
    if not isinstance(ath, str) or not hmac.compare_digest(ath.encode(), expected.encode()):
        raise DpopError("ath", "ath is not the hash of the access token")


def _checked_time(claims: dict[str, Any], now: float, nonces: Nonces, *, demand_nonce: bool) -> int:
    nonce, iat = claims.get("nonce"), claims.get("iat")
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not math.isfinite(iat):
        raise DpopError("iat", "iat is missing or no number")
    if nonce is not None:
        if not isinstance(nonce, str) or not nonces.is_valid(nonce, now):
            raise DpopError("nonce", "the nonce is not one of ours, or too old", needs_nonce=True)
    elif demand_nonce or not now - OLDEST_SECONDS <= iat <= now + NEWEST_SECONDS:
        raise DpopError("iat", "send the proof again with the nonce given here", needs_nonce=True)
    return int(iat)
