"""Who is calling: access tokens of any OIDC issuer, verified once and remembered until they expire."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError

from chassis.clock import Clock
from chassis.context import set_actor
from chassis.errors import Forbidden, Unauthorized
from chassis.issuer_keys import IssuerKeys, unverified_header
from contracts.claims import Claims, normalize_claims
from contracts.roles import PRODUCT_PREFIX

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
LEEWAY_SECONDS = 5
REMEMBERED_TOKENS = 20_000
IsRevoked = Callable[[Claims], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token said, and the id of the issuer's key that signed it."""

    claims: Claims
    kid: str


class TokenVerifier:
    """Verifies access tokens for one audience and remembers them until they expire or their key is withdrawn."""

    def __init__(self, issuer: str, audience: str, clock: Clock, keys: IssuerKeys | None = None) -> None:
        self._issuer = issuer.rstrip("/")
        self._audience = audience
        self._clock = clock
        self._keys = keys or IssuerKeys(self._issuer)
        self._known: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises Unauthorized, or IssuerUnavailable when its key cannot be had."""
        fingerprint = hashlib.sha256(token.encode()).digest()
        known = self._known.get(fingerprint)
        now = self._clock.now().timestamp()
        if known is None or not self._keys.holds(known.kid):
            self._known.pop(fingerprint, None)
            known = await self._verified(token, now)
            self._known[fingerprint] = known
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
        if known.claims.expires_at + LEEWAY_SECONDS < now:
            self._known.pop(fingerprint, None)
            raise refused("the access token has expired")
        return known.claims

    async def _verified(self, token: str, now: float) -> VerifiedToken:
        try:
            kid = str(unverified_header(token).get("kid", ""))
            key = await self._keys.find(kid)
            payload = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            claims = normalize_claims(payload)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise refused(f"the access token is not valid: {error}") from error
        if str(payload.get("iss", "")).rstrip("/") != self._issuer:
            raise refused("the access token is another issuer's")
        if self._audience not in claims.audience:
            raise refused(f"the access token is not for {self._audience}")
        starts_at = payload.get("nbf", 0)
        if not isinstance(starts_at, int | float) or starts_at - LEEWAY_SECONDS > now:
            raise refused("the access token is not valid yet")
        return VerifiedToken(claims, kid)


class Authenticate:
    """FastAPI dependency: the caller's claims from `Authorization: Bearer`.

    A DPoP-bound token without its proof is refused (RFC 9449 §7.2); `chassis.bound_tokens` checks proofs.
    """

    security_scheme = "bearer"

    def __init__(self, verifier: TokenVerifier, is_revoked: IsRevoked | None = None) -> None:
        """`is_revoked` tells of good tokens whose owner may not come in any more; asked for every request."""
        self._verifier = verifier
        self._is_revoked = is_revoked

    async def __call__(self, request: Request) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "dpop"} or not token:
            raise Unauthorized("send `Authorization: Bearer <access token>`", headers=challenge())
        claims = await self._verifier.verify(token)
        if claims.cnf_jkt is not None:
            raise refused("a DPoP-bound token needs its proof, which is not accepted here")
        await self.refuse_revoked(claims)
        remember_actor(claims)
        return claims

    async def refuse_revoked(self, claims: Claims) -> None:
        """Raises Unauthorized."""
        if self._is_revoked is not None and await self._is_revoked(claims):
            raise refused("the access token was revoked")


def remember_actor(claims: Claims) -> None:
    """From here on events carry who did it; the real person where somebody acts for another."""
    kind = "service" if claims.service else "operator" if claims.realm_roles else "user"
    set_actor(claims.service or claims.act or claims.sub, kind)
    if claims.tenant_id is not None:
        structlog.contextvars.bind_contextvars(tenant_id=str(claims.tenant_id))


class ServiceGuard:
    """FastAPI dependency for internal routes: the caller's claims, if `admits` its service. One step, for it is hot."""

    security_scheme = "bearer"

    def __init__(self, authenticate: Authenticate, admits: Callable[[str], bool], only: str) -> None:
        self._authenticate = authenticate
        self._admits = admits
        self._only = only

    async def __call__(self, request: Request) -> Claims:
        claims = await self._authenticate(request)
        if claims.service is None or not self._admits(claims.service):
            raise Forbidden(f"only {self._only} may call this")
        return claims


def require_service(authenticate: Authenticate, *names: str) -> Any:
    """Dependency for internal routes: only these services may call."""
    return Depends(ServiceGuard(authenticate, frozenset(names).__contains__, ", ".join(names)))


def require_product(authenticate: Authenticate) -> Any:
    """Dependency for internal routes that products call; which product it is stays in the claims' `service`."""
    return Depends(ServiceGuard(authenticate, lambda name: name.startswith(PRODUCT_PREFIX), "products"))


def refused(detail: str) -> Unauthorized:
    """The token was read and is not good (RFC 6750 §3.1)."""
    return Unauthorized(detail, headers=challenge("invalid_token"))


def challenge(error: str | None = None, **parameters: str) -> dict[str, str]:
    """RFC 6750 §3. Parameters are quoted as they are."""
    said = {"error": error, **parameters} if error else {}
    told = ", ".join(f'{name}="{value}"' for name, value in said.items())
    return {"WWW-Authenticate": f"Bearer {told}".rstrip()}
