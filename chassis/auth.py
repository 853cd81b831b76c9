"""Who is calling: access tokens of any OIDC issuer, verified once and remembered until they expire."""

import asyncio
import base64
import hashlib
import json
from collections import OrderedDict
from typing import Annotated, Any

import httpx
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chassis.clock import Clock
from chassis.context import set_actor
from chassis.errors import Forbidden, Transient, Unauthorized
from contracts.claims import Claims, MalformedClaims, normalize_claims

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
LEEWAY_SECONDS = 5
REMEMBERED_TOKENS = 10_000
KEYS_PAUSE_SECONDS = 10.0
"""An unknown key id leads to at most one look at the issuer in this time."""


class InsufficientAuthentication(Unauthorized):
    """A second factor, or a fresher one, is needed (RFC 9470)."""

    code = "CHASSIS.INSUFFICIENT_AUTHENTICATION"

    def __init__(self, detail: str) -> None:
        challenge = 'Bearer error="insufficient_user_authentication", acr_values="mfa"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class IssuerUnavailable(Transient):
    """The issuer's keys cannot be read, and none are known."""


class TokenVerifier:
    """Verifies access tokens for one audience. Keys are found by `kid` and read again when one is new."""

    def __init__(self, issuer: str, audience: str, clock: Clock) -> None:
        self._issuer = issuer.rstrip("/")
        self._audience = audience
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()
        self._known: OrderedDict[bytes, Claims] = OrderedDict()

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises Unauthorized, or IssuerUnavailable when its key cannot be had."""
        fingerprint = hashlib.sha256(token.encode()).digest()
        claims = self._known.get(fingerprint)
        now = self._clock.now().timestamp()
        if claims is None:
            claims = await self._verified(token)
            self._known[fingerprint] = claims
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
        if claims.expires_at + LEEWAY_SECONDS < now:
            self._known.pop(fingerprint, None)
            raise Unauthorized("the access token has expired", headers=challenge("invalid_token"))
        return claims

    async def _verified(self, token: str) -> Claims:
        try:
            key = await self._key_of(token)
            payload = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            claims = normalize_claims(payload)
        except (JoseError, MalformedClaims, ValueError, KeyError) as error:
            raise Unauthorized(
                f"the access token is not valid: {error}", headers=challenge("invalid_token")
            ) from error
        if payload.get("iss", "").rstrip("/") != self._issuer:
            raise Unauthorized("the access token is another issuer's", headers=challenge("invalid_token"))
        if self._audience not in claims.audience:
            raise Unauthorized(
                f"the access token is not for {self._audience}", headers=challenge("invalid_token")
            )
        return claims

    async def _key_of(self, token: str) -> Any:
        kid = str(unverified_header(token).get("kid", ""))
        if kid not in self._keys:
            async with self._looking:
                now = asyncio.get_running_loop().time()
                if kid not in self._keys and now - self._looked_at > KEYS_PAUSE_SECONDS:
                    await self._read_keys()
                    self._looked_at = now
        if kid not in self._keys:
            raise ValueError("its key is not one of the issuer's")
        return self._keys[kid]

    async def _read_keys(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
                found = (
                    (await http.get(f"{self._issuer}/.well-known/openid-configuration"))
                    .raise_for_status()
                    .json()
                )
                keys = (await http.get(found["jwks_uri"])).raise_for_status().json()
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise IssuerUnavailable(f"the keys of {self._issuer} cannot be read: {error!r}") from error
        self._keys = {key.kid: key for key in KeySet.import_key_set(keys).keys if key.kid}


class Authenticate:
    """FastAPI dependency: the caller's claims from `Authorization: Bearer`, or `DPoP` where the route checks the proof."""

    def __init__(self, verifier: TokenVerifier, *, accepts_bound: bool = False) -> None:
        self._verifier = verifier
        self._accepts_bound = accepts_bound

    async def __call__(self, request: Request) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "dpop"} or not token:
            raise Unauthorized("send `Authorization: Bearer <access token>`", headers=challenge())
        claims = await self._verifier.verify(token)
        if claims.cnf_jkt is not None and not self._accepts_bound:
            raise Unauthorized(
                "a DPoP-bound token needs its proof, which is not accepted here", headers=challenge()
            )
        remember_actor(claims)
        return claims


def remember_actor(claims: Claims) -> None:
    """From here on events carry who did it; the real person where somebody acts for another."""
    kind = "service" if claims.service else "operator" if claims.realm_roles else "user"
    set_actor(claims.service or claims.act or claims.sub, kind)


def require_service(authenticate: Authenticate, *names: str) -> Any:
    """Dependency for internal routes: only these services may call."""

    async def check(claims: Annotated[Claims, Depends(authenticate)]) -> Claims:
        if claims.service not in names:
            raise Forbidden(f"only {', '.join(names)} may call this")
        return claims

    return Depends(check)


def require_realm_role(authenticate: Authenticate, *roles: str) -> Any:
    """Dependency for operators' routes."""

    async def check(claims: Annotated[Claims, Depends(authenticate)]) -> Claims:
        if claims.realm_roles.isdisjoint(roles):
            raise Forbidden(f"this needs the role {' or '.join(sorted(roles))}")
        return claims

    return Depends(check)


def challenge(error: str | None = None) -> dict[str, str]:
    """RFC 6750 §3."""
    return {"WWW-Authenticate": f'Bearer error="{error}"' if error else "Bearer"}


def unverified_header(token: str) -> dict[str, Any]:
    """The header of a compact JWS, before anything is verified. Raises ValueError."""
    segment = token.split(".", 1)[0]
    header = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    if not isinstance(header, dict):
        raise ValueError("the token's header is not an object")
    return header
