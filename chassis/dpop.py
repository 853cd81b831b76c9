"""DPoP proofs (RFC 9449): the checks of §4.3 in their order, nonces of §8 and §9, a memory of what was used."""

import base64
import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

ALGORITHMS = {"ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "EdDSA": ("OKP", "Ed25519")}
PRIVATE_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
OLDEST_SECONDS = 60
NEWEST_SECONDS = 10
REMEMBER_SECONDS = 130
MAX_PROOF = 4096
NONCE_BUCKET_SECONDS = 60
DEFAULT_PORTS = {"http": 80, "https": 443}


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

    def current(self, now: float) -> str:
        return self._of(int(now // NONCE_BUCKET_SECONDS))

    def is_valid(self, nonce: str, now: float) -> bool:
        bucket = int(now // NONCE_BUCKET_SECONDS)
        return any(hmac.compare_digest(nonce.encode(), self._of(bucket - back).encode()) for back in (0, 1))

    def _of(self, bucket: int) -> str:
        digest = hmac.digest(self._secret, bucket.to_bytes(8, "big"), "sha256")
        return b64url(digest[:18])


class ReplayMemory:
    """Remembers (jkt, jti) for as long as a proof could be accepted again; bounded, oldest out first."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._used: OrderedDict[bytes, float] = OrderedDict()

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

    Raises DpopError. The proof counts as used only when everything else held.
    """
    moment = time.time() if now is None else now
    if len(proofs) != 1:
        raise DpopError("count", f"exactly one DPoP header is needed, the request has {len(proofs)}")
    header, claims, key, jkt = _opened(proofs[0])
    try:
        jws.deserialize_compact(proofs[0], key, algorithms=[header["alg"]])
    except JoseError as error:
        raise DpopError("signature", "the signature does not verify with the proof's own key") from error
    if claims.get("htm") != method:
        raise DpopError("htm", f"htm is {claims.get('htm')!r}, the request is a {method}")
    if not isinstance(claims.get("htu"), str) or normalised(claims["htu"]) != normalised(url):
        raise DpopError("htu", f"htu is {claims.get('htu')!r}, the address is {normalised(url)}")
    _check_token(claims, access_token)
    if expected_jkt is not None and not hmac.compare_digest(jkt, expected_jkt):
        raise DpopError("binding", "the access token is bound to another key")
    _check_time(claims, moment, nonces, demand_nonce=demand_nonce)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
        raise DpopError("jti", "jti is missing or longer than 256 characters")
    if not replay.is_first(jkt, jti, moment):
        raise DpopError("replay", "the proof was used before")
    return Proof(jkt, jti, int(claims["iat"]))


def normalised(url: str) -> str:
    """Scheme and host in lower case, no default port, one percent-encoding, no query, no fragment (RFC 3986 §6.2)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    place = host if port in {None, DEFAULT_PORTS.get(parts.scheme.lower())} else f"{host}:{port}"
    return f"{parts.scheme.lower()}://{place}{quote(unquote(parts.path or '/'), safe='/:@!$&()*+,;=~-._' + chr(39))}"


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638."""
    names = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"), sort_keys=True)
    return b64url(hashlib.sha256(text.encode()).digest())


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _opened(proof: str) -> tuple[dict[str, Any], dict[str, Any], Any, str]:
    if len(proof) > MAX_PROOF or proof.count(".") != 2:
        raise DpopError("form", f"the proof is not a compact JWS of at most {MAX_PROOF} characters")
    head, body, _ = proof.split(".")
    header, key, jkt = _header(head)
    return header, _json(body, "payload"), key, jkt


@lru_cache(maxsize=20_000)
def _header(segment: str) -> tuple[dict[str, Any], Any, str]:
    """Everything that the header decides. A device sends the same header with every proof."""
    header = _json(segment, "header")
    if header.get("typ") != "dpop+jwt":
        raise DpopError("typ", f"typ is {header.get('typ')!r}, not dpop+jwt")
    kind = ALGORITHMS.get(str(header.get("alg")))
    if kind is None:
        raise DpopError("alg", f"alg is {header.get('alg')!r}, accepted are {', '.join(ALGORITHMS)}")
    jwk = header.get("jwk")
    if not isinstance(jwk, dict):
        raise DpopError("jwk", "the header carries no jwk")
    if PRIVATE_PARTS & jwk.keys():
        raise DpopError("private", "the jwk carries a private key; that key is burnt, make a new one")
    if (jwk.get("kty"), jwk.get("crv")) != kind:
        raise DpopError("jwk", f"the jwk is no key for {header['alg']}")
    try:
        key = (ECKey if kind[0] == "EC" else OKPKey).import_key(jwk)
        return header, key, thumbprint(jwk)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise DpopError("jwk", "the jwk is not a valid key") from error


def _json(segment: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError) as error:
        raise DpopError("form", f"the {what} of the proof is not JSON") from error
    if not isinstance(value, dict):
        raise DpopError("form", f"the {what} of the proof is not an object")
    return value


def _check_token(claims: dict[str, Any], access_token: str | None) -> None:
    if access_token is None:
        return
    expected = b64url(hashlib.sha256(access_token.encode()).digest())
    if not hmac.compare_digest(str(claims.get("ath", "")).encode(), expected.encode()):
        raise DpopError("ath", "ath is not the hash of the access token")


def _check_time(claims: dict[str, Any], now: float, nonces: Nonces, *, demand_nonce: bool) -> None:
    nonce, iat = claims.get("nonce"), claims.get("iat")
    if isinstance(iat, bool) or not isinstance(iat, int | float):
        raise DpopError("iat", "iat is missing or no number")
    if nonce is not None:
        if not isinstance(nonce, str) or not nonces.is_valid(nonce, now):
            raise DpopError("nonce", "the nonce is not one of ours, or too old", needs_nonce=True)
        return
    if demand_nonce or not now - OLDEST_SECONDS <= iat <= now + NEWEST_SECONDS:
        raise DpopError("iat", "send the proof again with the nonce given here", needs_nonce=True)
