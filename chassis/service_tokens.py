"""How services prove to each other who they are: client_credentials with private_key_jwt (RFC 7523), short-lived."""

import asyncio
import json
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.errors import Transient
from chassis.outgoing import http_client

RENEW_BEFORE_SECONDS = 60.0
ASSERTION_SECONDS = 60
PAUSE_SECONDS = 1.0
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenUnavailable(Transient):
    """The issuer gave no token."""


class ServiceTokens:
    """Tokens of one service, one per callee, renewed a minute before they end.

    While the issuer is down the old token is used to its end, and the issuer is asked at most once a second.
    """

    def __init__(self, issuer: str, service: str, private_jwk: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._service = service
        self._key = ECKey.import_key(_parsed(private_jwk))
        self._tokens: dict[str, tuple[str, float]] = {}
        self._failed: dict[str, tuple[TokenUnavailable, float]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def token(self, audience: str) -> str:
        """A token for `audience`. Raises TokenUnavailable."""
        held = self._held(audience, RENEW_BEFORE_SECONDS)
        if held is not None:
            return held
        async with self._asking[audience]:  # one callee's slow renewal never stops calls to another
            held = self._held(audience, RENEW_BEFORE_SECONDS)
            return held if held is not None else await self._renewed(audience)

    def forget(self, audience: str, token: str) -> None:
        """The callee refused this token."""
        if self._tokens.get(audience, ("", 0.0))[0] == token:
            del self._tokens[audience]

    def _held(self, audience: str, left: float) -> str | None:
        token, expires_at = self._tokens.get(audience, ("", 0.0))
        return token if expires_at - left > time.monotonic() else None

    async def _renewed(self, audience: str) -> str:
        error, failed_at = self._failed.get(audience, (None, 0.0))
        if error is None or time.monotonic() - failed_at > PAUSE_SECONDS:
            try:
                token, lifetime = await self._ask(audience)
            except TokenUnavailable as unavailable:
                error = unavailable
                self._failed[audience] = (error, time.monotonic())
            else:
                self._failed.pop(audience, None)
                self._tokens[audience] = (token, time.monotonic() + lifetime)
                return token
        held = self._held(audience, 0.0)
        if held is None:
            raise TokenUnavailable(str(error)) from error
        return held

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
            async with http_client(timeout=5.0) as http:
                answer = (await http.post(url, data=form)).raise_for_status().json()
            return str(answer["access_token"]), float(answer["expires_in"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise TokenUnavailable(f"no token for {audience}: {error!r}") from error

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
    """Adds the service's token to a request; once more with a new one when the callee refuses it (rotated keys)."""

    def __init__(self, tokens: ServiceTokens, audience: str) -> None:
        self._tokens = tokens
        self._audience = audience

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._tokens.token(self._audience)
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == 401:
            self._tokens.forget(self._audience, token)
            request.headers["Authorization"] = f"Bearer {await self._tokens.token(self._audience)}"
            yield request


def _parsed(private_jwk: str) -> dict[str, str | list[str]]:
    parsed: dict[str, str | list[str]] = json.loads(private_jwk)
    return parsed
