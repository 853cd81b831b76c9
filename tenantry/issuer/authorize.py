"""Signing in: authorization code with PKCE (RFC 7636) and a login page that works without JavaScript."""

import html
import re
import secrets
import time
from collections import deque
from typing import Annotated, Any
from urllib.parse import urlencode

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from chassis.problems import language_of
from tenantry.issuer.settings import IssuerSettings
from tenantry.issuer.state import State

LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?(/[^\s\\#?]*)?(\?[^\s\\#]*)?")
"""Matched as a whole: what a browser and a parser may read differently (userinfo, backslashes) is none."""
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url (RFC 7636 §4.2)."""
PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
)
TEXTS = {
    "en": (
        "Sign in",
        "E-mail",
        "Password",
        "One-time code (if you have one)",
        "The details do not match. Try again.",
    ),
    "fr": (
        "Connexion",
        "E-mail",
        "Mot de passe",
        "Code à usage unique (si vous en avez un)",
        "Identifiants incorrects.",
    ),
}
PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width">
<style>
body {{ font: 16px/1.5 system-ui; max-width: 22rem; margin: 12vh auto; padding: 0 1rem }}
label {{ display: block; margin: .8rem 0 .2rem }}
input {{ width: 100%; padding: .5rem; font: inherit; box-sizing: border-box }}
button {{ margin-top: 1.2rem; padding: .6rem 1.4rem; font: inherit }}
[role=alert] {{ color: #a00 }}
</style></head><body><main><h1>{title}</h1>{fault}
<form method="post">{hidden}
<label for="e">{email}</label>
<input id="e" name="email" type="email" autocomplete="username" required autofocus>
<label for="p">{password}</label>
<input id="p" name="password" type="password" autocomplete="current-password" required>
<label for="o">{otp}</label><input id="o" name="otp" inputmode="numeric" autocomplete="one-time-code">
<button>{title}</button>
</form></main></body></html>"""


class Brake:
    """At most so many attempts a minute, for each address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._attempts: dict[str, deque[float]] = {}

    def allows(self, who: str, now: float) -> bool:
        recent = self._attempts.setdefault(who, deque())
        while recent and now - recent[0] > 60:
            recent.popleft()
        recent.append(now)
        if len(self._attempts) > 10_000:
            self._attempts.clear()
        return len(recent) <= self._most


def router(state: State, settings: IssuerSettings, hasher: PasswordHasher) -> APIRouter:
    """GET shows the page, POST checks the details and goes back with a code."""
    routes = APIRouter(tags=["sign-in"])
    brake = Brake(settings.attempts_per_minute)
    decoy = hasher.hash(secrets.token_hex(16))

    @routes.get("/authorize")
    async def show(request: Request) -> Response:
        asked = {name: request.query_params[name] for name in PARAMETERS if name in request.query_params}
        fault = fault_of(asked)
        return HTMLResponse(html.escape(fault), 400) if fault else page(request, asked, has_failed=False)

    @routes.post("/authorize")
    async def check(
        request: Request,
        email: Annotated[str, Form(max_length=254)],
        password: Annotated[str, Form(max_length=200)],
        otp: Annotated[str, Form(max_length=16)] = "",
    ) -> Response:
        form = await request.form()
        asked = {name: str(form[name]) for name in PARAMETERS if name in form}
        if fault := fault_of(asked):
            return HTMLResponse(html.escape(fault), 400)
        now = time.time()
        if not brake.allows(email.lower(), now):
            return HTMLResponse("Too many attempts. Wait a minute.", 429, {"Retry-After": "60"})
        signed_in = authenticate(email.lower(), password, otp)
        if signed_in is None or not is_active(state, signed_in["member_id"]):
            return page(request, asked, has_failed=True)
        code = secrets.token_urlsafe(32)
        state.put("code", code, {**asked, **signed_in, "auth_time": int(now)}, now + settings.code_seconds)
        back = {"code": code, **{name: asked[name] for name in ("state",) if name in asked}}
        return RedirectResponse(landing(asked["redirect_uri"], back | {"iss": settings.public_origin}), 303)

    def authenticate(email: str, password: str, otp: str) -> dict[str, Any] | None:
        """Member and how it signed in. An unknown address costs as much time as a known one."""
        address = state.get("address", email)
        credentials = state.get("credentials", address["member_id"]) if address else None
        try:
            hasher.verify(credentials["password"] if credentials else decoy, password)
        except VerificationError:
            return None
        if address is None or credentials is None:
            return None
        if otp and not secrets.compare_digest(otp.encode(), (credentials["otp"] or "").encode()):
            return None
        return {"member_id": address["member_id"], "acr": "mfa" if otp else "pwd"}

    return routes


def is_active(state: State, member_id: str) -> bool:
    """Whether the member was not deactivated."""
    return bool((state.get("member", member_id) or {}).get("is_active", True))


def fault_of(asked: dict[str, str]) -> str:
    """What is wrong with the request, before anybody is sent anywhere."""
    if asked.get("client_id") not in {"desktop", "console"}:
        return "client_id: unknown client"
    if LOOPBACK.fullmatch(asked.get("redirect_uri", "")) is None:
        return "redirect_uri: only loopback addresses are registered"
    if asked.get("response_type") != "code":
        return "response_type: only code is supported"
    if asked.get("code_challenge_method") != "S256":
        return "code_challenge_method: PKCE with S256 is required"
    if CHALLENGE.fullmatch(asked.get("code_challenge", "")) is None:
        return "code_challenge: PKCE with S256 is required, 43 characters of base64url"
    return ""


def landing(redirect_uri: str, answer: dict[str, str]) -> str:
    """A query that the client's address has is kept (RFC 6749 §4.1.2)."""
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"


def page(request: Request, asked: dict[str, str], *, has_failed: bool) -> HTMLResponse:
    lang = language_of(request.headers.get("accept-language", ""))
    title, email, password, otp, failed = TEXTS[lang]
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in asked.items()
    )
    fault = f'<p role="alert">{failed}</p>' if has_failed else ""
    content = PAGE.format(
        lang=lang, title=title, email=email, password=password, otp=otp, fault=fault, hidden=hidden
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    }
    return HTMLResponse(content, 401 if has_failed else 200, headers)
