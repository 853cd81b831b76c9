"""How services prove to each other who they are: client_credentials with private_key_jwt (RFC 7523), short-lived."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.errors import Transient

RENEW_BEFORE_SECONDS = 60.0
ASSERTION_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenUnavailable(Transient):
    """The issuer gave no token."""


class ServiceTokens:
    """Tokens of one service, one per callee, renewed a minute before they end."""

    def __init__(self, issuer: str, service: str, private_jwk: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._service = service
        self._key = ECKey.import_key(_parsed(private_jwk))
        self._tokens: dict[str, tuple[str, float]] = {}
        self._asking = asyncio.Lock()

    async def token(self, audience: str) -> str:
        """A token for `audience`. Raises TokenUnavailable."""
        async with self._asking:
            token, expires_at = self._tokens.get(audience, ("", 0.0))
            if expires_at - RENEW_BEFORE_SECONDS < time.monotonic():
                token, lifetime = await self._ask(audience)
                self._tokens[audience] = (token, time.monotonic() + lifetime)
        return token

    def auth(self, audience: str) -> "ServiceAuth":
        """For httpx: `client.get(url, auth=tokens.auth("registry"))`."""
        return ServiceAuth(self, audience)

    async def _ask(self, audience: str) -> tuple[str, float]:
        url = f"{self._issuer}/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": self._service,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
            "audience": audience,
        }
        try:
            async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
                answer = (await http.post(url, data=form)).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise TokenUnavailable(f"no token for {audience}: {error!r}") from error
        return str(answer["access_token"]), float(answer["expires_in"])

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self._service,
            "sub": self._service,
            "aud": self._issuer,
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        return jwt.encode({"alg": "ES256"}, claims, self._key)


class ServiceAuth(httpx.Auth):
    """Adds the service's token to a request."""

    def __init__(self, tokens: ServiceTokens, audience: str) -> None:
        self._tokens = tokens
        self._audience = audience

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self._tokens.token(self._audience)}"
        yield request


def _parsed(private_jwk: str) -> dict[str, str | list[str]]:

    parsed: dict[str, str | list[str]] = json.loads(private_jwk)
    return parsed
