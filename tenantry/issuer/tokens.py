"""The token endpoint: code, refresh and client credentials; tokens of public clients are bound to their key (RFC 9449)."""

import hashlib
import hmac
import re
import secrets
import time
import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.exceptions import HTTPException

from chassis.dpop import DpopError, Proof, ProofChecks, b64url
from chassis.service_tokens import ASSERTION_TYPE
from contracts.roles import PRODUCT_PREFIX
from tenantry.issuer.settings import IssuerSettings
from tenantry.issuer.signing import AUDIENCES, Signer, member_claims
from tenantry.issuer.state import State

SERVICE_AUDIENCES = frozenset({"registry", "bff", "audit", "sync", "notifier"})
NOT_PLAIN = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
"""What an error_description may not hold (RFC 6749 §5.2); ours quote what they were given."""
LONGEST_ASSERTION = 300.0
FORM = "application/x-www-form-urlencoded"
PUBLIC_CLIENTS = frozenset({"desktop", "console"})
NEEDS = {
    "authorization_code": ("client_id", "code", "redirect_uri", "code_verifier"),
    "refresh_token": ("client_id", "refresh_token"),
    "client_credentials": ("client_id", "client_assertion_type", "client_assertion", "audience"),
}
"""Grant → the parameters without which a request is none."""


class TokenError(Exception):
    """An error of RFC 6749 §5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = NOT_PLAIN.sub("?", description)
        self.status = status


class TokenEndpoint:
    """Gives tokens for one of three grants."""

    def __init__(
        self, state: State, signer: Signer, settings: IssuerSettings, clients: dict[str, ECKey]
    ) -> None:
        self._state = state
        self._signer = signer
        self._settings = settings
        self._clients = clients
        self._proofs = ProofChecks(settings.admin_secret.get_secret_value().encode(), demands_nonce=False)

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["tokens"])

        @routes.post("/token")
        async def token(request: Request) -> Response:
            self._state.forget_expired(time.time())
            headers = {"DPoP-Nonce": self._proofs.nonce(), "Cache-Control": "no-store"}
            try:
                return JSONResponse(self._granted(request, await form_of(request)), headers=headers)
            except TokenError as error:
                body = {"error": error.error, "error_description": error.description}
                return JSONResponse(body, error.status, headers)

        return routes

    def _granted(self, request: Request, form: dict[str, str]) -> dict[str, Any]:
        grant = form.get("grant_type")
        if grant is None:
            raise TokenError("invalid_request", "grant_type: missing")
        if grant not in NEEDS:
            raise TokenError("unsupported_grant_type", "grant_type: not one of those in the metadata")
        if missing := [name for name in NEEDS[grant] if not form.get(name)]:
            raise TokenError("invalid_request", f"{missing[0]}: missing")
        if grant == "client_credentials":
            return self._for_service(form)
        if form["client_id"] not in PUBLIC_CLIENTS:
            raise TokenError("invalid_client", "client_id: unknown client", 401)
        proof = self._proof(request)
        return (
            self._for_code(form, proof) if grant == "authorization_code" else self._for_refresh(form, proof)
        )

    def _proof(self, request: Request) -> Proof:
        try:
            return self._proofs.check(
                request.headers.getlist("dpop"),
                method="POST",
                url=f"{self._settings.public_origin}/token",
                access_token=None,
                expected_jkt=None,
            )
        except DpopError as error:
            raise TokenError(error.error, error.detail) from error

    def _for_code(self, form: dict[str, str], proof: Proof) -> dict[str, Any]:
        now = time.time()
        if used := self._state.get("used_code", form["code"], now):  # RFC 6749 §4.1.2: what it gave ends too
            self._end(used["family"], now)
        code = self._state.take("code", form["code"], now)
        if (
            code is None
            or code["client_id"] != form["client_id"]
            or code["redirect_uri"] != form["redirect_uri"]
        ):
            raise TokenError("invalid_grant", "the code is unknown, used, too old or another client's")
        verifier = b64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        if not hmac.compare_digest(verifier, code["code_challenge"]):
            raise TokenError("invalid_grant", "code_verifier does not match the challenge")
        if code.get("dpop_jkt", proof.jkt) != proof.jkt:
            raise TokenError("invalid_grant", "the code is bound to another key")
        family = uuid.uuid4().hex
        self._state.put("used_code", form["code"], {"family": family}, now + self._settings.refresh_seconds)
        return self._for_member({**code, "family": family, "jkt": proof.jkt})

    def _for_refresh(self, form: dict[str, str], proof: Proof) -> dict[str, Any]:
        """Each refresh token works once; one that comes back ends its whole family."""
        digest = hashlib.sha256(form["refresh_token"].encode()).hexdigest()
        now = time.time()
        used = self._state.get("used_refresh", digest, now)
        if used is not None:
            self._end(used["family"], now)
            raise TokenError("invalid_grant", "the refresh token was used before; sign in again")
        kept = self._state.get("refresh", digest, now)
        if kept is None or self._state.get("ended_family", kept["family"], now) is not None:
            raise TokenError("invalid_grant", "the refresh token is unknown, too old or ended")
        if kept["jkt"] != proof.jkt or kept["client_id"] != form["client_id"]:
            # Not taken: who holds the token without its key must not be able to use it up.
            raise TokenError("invalid_grant", "the refresh token is bound to another key or client")
        self._state.take("refresh", digest, now)
        ends = now + self._settings.refresh_seconds
        self._state.put("used_refresh", digest, {"family": kept["family"]}, ends)
        return self._for_member(kept)

    def _end(self, family: str, now: float) -> None:
        """No refresh token of this sign-in works any more."""
        self._state.put("ended_family", family, {}, now + self._settings.refresh_seconds)

    def _for_member(self, signed_in: dict[str, Any]) -> dict[str, Any]:
        member = self._state.get("member", signed_in["member_id"])
        organisation = self._state.get("organisation", member["org_id"]) if member else None
        if member is None or organisation is None:
            raise TokenError("invalid_grant", "the member is gone")
        if not member.get("is_active", True):
            raise TokenError("invalid_grant", "the member is deactivated")
        now = time.time()
        claims = {
            **member_claims(member, organisation),
            "aud": AUDIENCES["desktop"],
            "client_id": signed_in["client_id"],
            "acr": signed_in["acr"],
            "auth_time": signed_in["auth_time"],
            "cnf": {"jkt": signed_in["jkt"]},
        }
        refresh = secrets.token_urlsafe(48)
        kept = {
            name: signed_in[name] for name in ("member_id", "client_id", "acr", "auth_time", "jkt", "family")
        }
        digest = hashlib.sha256(refresh.encode()).hexdigest()
        self._state.put("refresh", digest, kept, now + self._settings.refresh_seconds)
        return {
            "access_token": self._signer.sign(claims, now, self._settings.access_seconds),
            "token_type": "DPoP",
            "expires_in": self._settings.access_seconds,
            "refresh_token": refresh,
            "scope": "openid profile organization",
        }

    def _for_service(self, form: dict[str, str]) -> dict[str, Any]:
        """RFC 7523: the assertion is signed by the service's own key, for us, and used once."""
        service, audience = form["client_id"], form["audience"]
        if form["client_assertion_type"] != ASSERTION_TYPE:
            raise TokenError("invalid_request", f"client_assertion_type: only {ASSERTION_TYPE}")
        key = self._clients.get(service)
        if key is None:
            raise TokenError("invalid_client", "client_id: unknown client", 401)
        if audience not in SERVICE_AUDIENCES and f"{PRODUCT_PREFIX}{audience}" not in self._clients:
            raise TokenError("invalid_request", f"audience: {audience!r} is no service and no product")
        now = time.time()
        self._check_assertion(form["client_assertion"], service, key, now)
        told = {
            "sub": service,
            "aud": [audience],
            "client_id": service,
            "realm_access": {"roles": [f"service:{service}"]},
        }
        seconds = self._settings.service_seconds
        return {
            "access_token": self._signer.sign(told, now, seconds),
            "token_type": "Bearer",
            "expires_in": seconds,
        }

    def _check_assertion(self, assertion: str, service: str, key: ECKey, now: float) -> None:
        """RFC 7523 §3. Raises TokenError, whatever the assertion holds."""
        try:
            claims = jwt.decode(assertion, key, algorithms=["ES256"]).claims
        except (JoseError, ValueError) as error:
            raise TokenError("invalid_client", "client_assertion does not verify", 401) from error
        audience, expires_at, jti = claims.get("aud"), claims.get("exp"), claims.get("jti")
        is_ours = self._signer.issuer in (audience if isinstance(audience, list) else [audience])
        if not is_ours or not claims.get("sub") == claims.get("iss") == service:
            raise TokenError("invalid_client", "client_assertion is not of this client for this issuer", 401)
        if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
            raise TokenError("invalid_client", "client_assertion has no exp", 401)
        if not now < expires_at < now + LONGEST_ASSERTION:
            raise TokenError("invalid_client", "client_assertion is too old, or valid for too long", 401)
        if not isinstance(jti, str) or not jti:
            raise TokenError("invalid_client", "client_assertion has no jti", 401)
        if not self._state.add("assertion", f"{service}:{jti}", {}, float(expires_at)):
            raise TokenError("invalid_client", "client_assertion was used before", 401)


async def form_of(request: Request) -> dict[str, str]:
    """The parameters of a token request. Raises TokenError (RFC 6749 §3.2: a form, each parameter once)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise TokenError("invalid_request", f"send {FORM}")
    try:
        given = (await request.form()).multi_items()
    except HTTPException as error:
        raise TokenError("invalid_request", f"the form cannot be read: {error.detail}") from error
    form = {name: str(value) for name, value in given}
    if len(form) < len(given):
        raise TokenError("invalid_request", "a parameter is given twice")
    return form
