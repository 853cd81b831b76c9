"""DPoP proofs (RFC 9449): the checks of §4.3 in their order, and the challenges of §7.1 and §9 to what fails them."""

import hashlib
import hmac
import math
import time
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
from chassis.proof_memory import NEWEST_SECONDS, Nonces, ReplayMemory
from chassis.web_addresses import normalised

__all__ = [
    "PRIVATE_PARTS",
    "DpopError",
    "Nonces",
    "Proof",
    "ProofChecks",
    "ReplayMemory",
    "b64url",
    "challenge",
    "normalised",
    "thumbprint",
    "verify_proof",
]

OLDEST_SECONDS = 60
MAX_PROOF = 4096
MAX_JTI = 256
ALGORITHMS = 'algs="ES256 ES384 EdDSA Ed25519"'


class DpopError(Exception):
    """The proof is refused; `reason` is a short stable word, the message says more. `needs_nonce` asks for one."""

    def __init__(self, reason: str, detail: str, *, needs_nonce: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.needs_nonce = needs_nonce

    @property
    def error(self) -> str:
        """Of the challenge. A key that does not fit is the fault of the token (RFC 9449 §7.1), all else of the proof."""
        if self.needs_nonce:
            return "use_dpop_nonce"
        return "invalid_token" if self.reason == "binding" else "invalid_dpop_proof"


def challenge(error: str | None, **parameters: str) -> dict[str, str]:
    """RFC 9449 §7.1; no error for who sent nothing to judge (RFC 6750 §3.1). Parameters are quoted as they are."""
    said = {"error": error, **parameters} if error else {}
    told = [*(f'{name}="{value}"' for name, value in said.items()), ALGORITHMS]
    return {"WWW-Authenticate": f"DPoP {', '.join(told)}"}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a valid proof proves; times are seconds since 1970."""

    jkt: str
    jti: str
    iat: int


class ProofChecks:
    """One server's side: the nonces that it gives, the proofs that it took.

    Processes that have the same secret take each other's nonces, so that a client may go from one to the other. A process
    that demands nonces takes none from before its start, since it cannot know what was used with them.
    """

    def __init__(self, secret: bytes, *, demands_nonce: bool) -> None:
        self._nonces = Nonces(hmac.digest(secret, b"DPoP-Nonce", "sha256"))
        self._replay = ReplayMemory(since=time.time()) if demands_nonce else ReplayMemory()
        self._demands_nonce = demands_nonce

    def nonce(self) -> str:
        """For the header DPoP-Nonce, which goes with every answer."""
        return self._nonces.current(time.time(), self._replay.since)

    def check(
        self, proofs: list[str], *, method: str, url: str, access_token: str | None, expected_jkt: str | None
    ) -> "Proof":
        """As `verify_proof`. Raises DpopError."""
        return verify_proof(
            proofs,
            method=method,
            url=url,
            access_token=access_token,
            expected_jkt=expected_jkt,
            nonces=self._nonces,
            replay=self._replay,
            demand_nonce=self._demands_nonce,
        )


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
    iat = _checked_time(claims, moment, nonces, replay.since, demand_nonce=demand_nonce)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI:
        raise DpopError("jti", f"jti is missing or longer than {MAX_JTI} characters")
    if not replay.is_first(key.jkt, jti, max(moment, nonces.latest)):
        raise DpopError("replay", "the proof was used before")
    return Proof(key.jkt, jti, iat)


def _opened(proof: str) -> tuple[ProofKey, dict[str, Any]]:
    """The key that the header carries and the claims that it signed; the signature is verified."""
    if len(proof) > MAX_PROOF or proof.count(".") != 2:
        raise DpopError("form", f"the proof is not a compact JWS of at most {MAX_PROOF} characters")
    signed, _, signature = proof.rpartition(".")
    head, _, body = signed.partition(".")
    key = _key_of(head)
    claims = _object(body, "payload")
    try:
        genuine = key.has_signed(signed.encode(), b64url_bytes(signature))
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
    if claims.get("ath") != _hash_of(access_token):  # no secret: who asks has the token
        raise DpopError("ath", "ath is not the hash of the access token")


@lru_cache(maxsize=4096)
def _hash_of(access_token: str) -> str:
    """RFC 9449 §4.2."""
    return b64url(hashlib.sha256(access_token.encode()).digest())


def _checked_time(
    claims: dict[str, Any], now: float, nonces: Nonces, since: float, *, demand_nonce: bool
) -> int:
    """`since`: what was used before then may be forgotten, so that only something younger is taken."""
    nonce, iat = claims.get("nonce"), claims.get("iat")
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not math.isfinite(iat):
        raise DpopError("iat", "iat is missing or no number")
    if nonce is not None:
        if not isinstance(nonce, str) or not nonces.is_valid(nonce, now, since):
            raise DpopError("nonce", "the nonce is not one of ours, or too old", needs_nonce=True)
    elif (
        demand_nonce
        or not now - OLDEST_SECONDS <= iat <= now + NEWEST_SECONDS
        or iat - NEWEST_SECONDS <= since
    ):
        raise DpopError("iat", "send the proof again with the nonce given here", needs_nonce=True)
    return int(iat)
