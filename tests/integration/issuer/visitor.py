"""What a desktop and a service do at the issuer, step by step, so that a test can do each step wrong."""

import hashlib
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.service_tokens import ASSERTION_TYPE
from desktop.proofs import Proofs, b64url

REDIRECT = "http://127.0.0.1:4711/callback"
EMAIL, PASSWORD, OTP = "ann@example.org", "a long enough password", "123456"
ADMIN_SECRET = "the secret of the administration"
ADMIN = {"Authorization": f"Bearer {ADMIN_SECRET}"}


@dataclass
class Visitor:
    """A desktop with its key. `verifier` is the PKCE secret of its next sign-in."""

    http: httpx.AsyncClient
    proofs: Proofs = field(default_factory=lambda: Proofs(ECKey.generate_key("P-256")))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def origin(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def question(self, **changed: str | None) -> dict[str, str]:
        """The parameters of an authorization request; None leaves one out."""
        asked = {
            "response_type": "code",
            "client_id": "desktop",
            "redirect_uri": REDIRECT,
            "scope": "openid",
            "state": "state-1",
            "code_challenge": b64url(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**asked, **changed}.items() if value is not None}

    async def submit(self, *, otp: str = OTP, password: str = PASSWORD, **changed: Any) -> httpx.Response:
        """The login page, filled in."""
        details = {"email": EMAIL, "password": password, "otp": otp}
        return await self.http.post("/authorize", data={**self.question(**changed), **details})

    async def code(self, **changed: Any) -> str:
        answer = await self.submit(**changed)
        assert answer.status_code == 303, answer.text
        return landed(answer)["code"]

    async def token(self, form: dict[str, str], proofs: Proofs | None = None) -> httpx.Response:
        url = f"{self.origin}/token"
        proof = (proofs or self.proofs).proof("POST", url)
        return await self.http.post(url, data=form, headers={"DPoP": proof})

    async def redeem(self, code: str, *, proofs: Proofs | None = None, **changed: Any) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "desktop",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
        }
        return await self.token({**form, **changed}, proofs)

    async def refresh(
        self, token: str, *, proofs: Proofs | None = None, client_id: str = "desktop"
    ) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
        return await self.token(form, proofs)

    async def signed_in(self) -> dict[str, Any]:
        """The issuer's answer to a sign-in without a fault."""
        answer = await self.redeem(await self.code())
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def landed(answer: httpx.Response) -> dict[str, str]:
    """What the redirect carries."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def assertion(issuer: str, key: ECKey, service: str = "bff", **changed: Any) -> str:
    """A client assertion (RFC 7523); None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": service,
        "sub": service,
        "aud": issuer,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + 60,
    }
    told = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    return jwt.encode({"alg": "ES256"}, told, key)


def service_form(client_assertion: str, **changed: str) -> dict[str, str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": "bff",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion,
        "audience": "sync",
    }
    return {**form, **changed}


def assert_refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    """RFC 6749 §5.2."""
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error), body
    assert set(body) == {"error", "error_description"}
    assert all(0x20 <= ord(letter) <= 0x7E and letter not in '"\\' for letter in body["error_description"])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
