"""The issuer's public keys: found by `kid`, read again when one is new and now and then anyway, kept while it is down."""

import asyncio
from typing import Any

import httpx
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chassis.errors import Transient
from chassis.outgoing import http_client
from chassis.proof_keys import b64url_bytes

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 10.0
"""Unknown key ids lead to at most one look at the issuer in this time, whatever callers send."""
FRESH_SECONDS = 60.0
"""After this the keys are read again beside the work, so that one that the issuer withdrew ends here too."""
FETCH_SECONDS = 5.0
RETRY_SECONDS = 1.0
"""While the issuer is down it is asked at most once in this time; callers in between get the last answer at once."""


class IssuerUnavailable(Transient):
    """The issuer's keys cannot be read, and none are known."""


class IssuerKeys:
    """Keys of one OIDC issuer, by discovery."""

    def __init__(self, issuer: str, *, fresh: float = FRESH_SECONDS, pause: float = PAUSE_SECONDS) -> None:
        self._issuer = issuer.rstrip("/")
        self._fresh = fresh
        self._pause = pause
        self._keys: dict[str, Any] = {}
        self._read_at = self._looked_at = float("-inf")
        self._failure: str | None = None
        self._looking = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Any:
        """The key. Raises ValueError where the issuer has no such key, IssuerUnavailable where it cannot say."""
        if not self.holds(kid):
            await self._look(kid)
        if kid not in self._keys:
            raise ValueError("its key is not one of the issuer's")
        return self._keys[kid]

    def holds(self, kid: str) -> bool:
        """Whether this is one of the issuer's keys as far as is known; nobody waits while they are read again."""
        if kid not in self._keys:
            return False
        is_idle = self._refreshing is None or self._refreshing.done()
        if (
            is_idle
            and self._age(self._read_at) > self._fresh
            and self._age(self._looked_at) > min(self._fresh, RETRY_SECONDS)
        ):
            self._refreshing = asyncio.create_task(self._refresh(), name="issuer-keys")
        return True

    def _age(self, moment: float) -> float:
        return asyncio.get_running_loop().time() - moment

    async def _look(self, kid: str) -> None:
        async with self._looking:
            if kid in self._keys:
                return
            if self._age(self._looked_at) > (RETRY_SECONDS if self._failure else self._pause):
                await self._read_again()
            if self._failure is not None and kid not in self._keys:
                raise IssuerUnavailable(self._failure)

    async def _refresh(self) -> None:
        async with self._looking:
            await self._read_again()

    async def _read_again(self) -> None:
        try:
            self._keys = await self._read()
        except IssuerUnavailable as error:
            self._failure = str(error)
            log.warning(
                "issuer_keys.unreadable", issuer=self._issuer, error=self._failure, held=len(self._keys)
            )
        else:
            self._failure = None
            self._read_at = asyncio.get_running_loop().time()
        self._looked_at = asyncio.get_running_loop().time()

    async def _read(self) -> dict[str, Any]:
        try:
            async with http_client(timeout=FETCH_SECONDS) as http:
                found = await _json(http, f"{self._issuer}/.well-known/openid-configuration")
                keys = await _json(http, address_of_keys(found, self._issuer))
            # An issuer may publish keys of kinds that we do not know; the others still count.
            readable = [key for jwk in keys["keys"] for key in _imported(jwk)]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise IssuerUnavailable(f"the keys of {self._issuer} cannot be read: {error!r}") from error
        return {key.kid: key for key in readable if key.kid}


def unverified_header(token: str) -> dict[str, Any]:
    """The header of a compact JWS, before anything is verified. Raises ValueError."""
    header = orjson.loads(b64url_bytes(token.split(".", 1)[0]))
    if not isinstance(header, dict):
        raise ValueError("the token's header is not an object")
    return header


def address_of_keys(found: Any, issuer: str) -> str:
    """From the discovery document, if it speaks of this issuer (OpenID Connect Discovery §4.3). Raises ValueError."""
    if str(found["issuer"]).rstrip("/") != issuer:
        raise ValueError(f"the issuer calls itself {found['issuer']!r}")
    return str(found["jwks_uri"])


async def _json(http: httpx.AsyncClient, url: str) -> Any:
    return (await http.get(url)).raise_for_status().json()


def _imported(jwk: Any) -> list[Any]:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return []
    try:
        return list(KeySet.import_key_set({"keys": [jwk]}).keys)
    except (JoseError, ValueError, KeyError):
        return []
