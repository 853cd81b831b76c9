"""Signing in: authorization code with PKCE (RFC 7636) on the system browser, tokens bound to the device key (RFC 9449)."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from desktop.errors import Offline, Refused, SignInRequired
from desktop.proofs import Proofs, b64url

Browser = Callable[[str], Awaitable[str]]
"""Opens the given address, lets the member sign in, answers the address of the redirect it ended on."""

RENEW_BEFORE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the issuer gave; `expires_at` is on the server's clock, in seconds since 1970."""

    access_token: str
    refresh_token: str | None
    expires_at: float


class SignIn:
    """Keeps a valid access token for one member on one device."""

    def __init__(
        self, http: httpx.AsyncClient, issuer: str, proofs: Proofs, client_id: str = "desktop"
    ) -> None:
        self._http = http
        self._issuer = issuer.rstrip("/")
        self._proofs = proofs
        self._client_id = client_id
        self._metadata: dict[str, Any] | None = None
        self._tokens: Tokens | None = None

    async def sign_in(self, browser: Browser, redirect_uri: str = "http://127.0.0.1/callback") -> Tokens:
        """Run the whole flow once. Raises Refused when the issuer or the member says no, Offline when it is away."""
        metadata = await self._discover()
        verifier = secrets.token_urlsafe(48)
        state = secrets.token_urlsafe(16)
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile organization offline_access",
            "state": state,
            "code_challenge": b64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "dpop_jkt": self._proofs.jkt,
        }
        landed = await browser(f"{metadata['authorization_endpoint']}?{urlencode(query)}")
        answer = {name: values[0] for name, values in parse_qs(urlsplit(landed).query).items()}
        if answer.get("state") != state:
            raise SignInRequired("the answer does not belong to this sign-in (state differs); start again")
        if "code" not in answer:
            raise SignInRequired(
                answer.get("error_description") or answer.get("error") or "no code in the answer"
            )
        return await self._redeem(
            {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )

    async def access_token(self) -> str:
        """A token that is good for a minute at least, renewed when it is not."""
        if self._tokens is None:
            raise SignInRequired("nobody has signed in on this device yet")
        if self._tokens.expires_at - self._proofs.now() < RENEW_BEFORE_SECONDS:
            await self.renew()
        return self._tokens.access_token

    async def renew(self) -> Tokens:
        """Trade the refresh token for fresh ones; it rotates with each use."""
        if self._tokens is None or self._tokens.refresh_token is None:
            raise SignInRequired("there is no refresh token; sign in again")
        try:
            return await self._redeem(
                {"grant_type": "refresh_token", "refresh_token": self._tokens.refresh_token}
            )
        except Refused as refused:
            self._tokens = None
            raise SignInRequired(str(refused)) from refused

    async def _redeem(self, form: dict[str, str]) -> Tokens:
        url = (await self._discover())["token_endpoint"]
        body: dict[str, Any] = {}
        for _attempt in range(
            2
        ):  # the first answer may only carry the nonce that the issuer wants (RFC 9449 §8)
            answer = await self._post(url, {**form, "client_id": self._client_id})
            body = answer.json()
            if answer.is_success:
                self._tokens = Tokens(
                    body["access_token"],
                    body.get("refresh_token"),
                    self._proofs.now() + float(body["expires_in"]),
                )
                return self._tokens
            if body.get("error") != "use_dpop_nonce":
                break
        raise Refused(
            answer.status_code, {"code": body.get("error"), "detail": body.get("error_description")}
        )

    async def _post(self, url: str, form: dict[str, str]) -> httpx.Response:
        try:
            answer = await self._http.post(url, data=form, headers={"DPoP": self._proofs.proof("POST", url)})
        except httpx.TransportError as error:
            raise Offline(f"{url} cannot be reached: {error}") from error
        self._proofs.learn(url, answer.headers)
        return answer

    async def _discover(self) -> dict[str, Any]:
        if self._metadata is None:
            url = f"{self._issuer}/.well-known/openid-configuration"
            try:
                answer = await self._http.get(url)
            except httpx.TransportError as error:
                raise Offline(f"{url} cannot be reached: {error}") from error
            answer.raise_for_status()
            self._proofs.learn(url, answer.headers)
            self._metadata = answer.json()
        return self._metadata
