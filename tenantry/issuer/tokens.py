"""The token endpoint: code, refresh and client credentials; tokens of public clients are bound to their key (RFC 9449)."""

import hashlib
import hmac
import secrets
import time
import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chassis.dpop import DpopError, Nonces, Proof, ReplayMemory, b64url, verify_proof
from tenantry.issuer.settings import IssuerSettings
from tenantry.issuer.signing import AUDIENCES, Signer, member_claims
from tenantry.issuer.state import State

SERVICE_AUDIENCES = frozenset({"registry", "bff", "audit", "sync", "notifier"})


class TokenError(Exception):
    """An error of RFC 6749 §5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
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
        self._nonces = Nonces(hashlib.sha256(settings.admin_secret.get_secret_value().encode()).digest())
        self._replay = ReplayMemory()

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["tokens"])

        @routes.post("/token")
        async def token(request: Request) -> Response:
            form = {name: str(value) for name, value in (await request.form()).items()}
            headers = {"DPoP-Nonce": self._nonces.current(time.time()), "Cache-Control": "no-store"}
            try:
                return JSONResponse(self._granted(request, form), headers=headers)
            except TokenError as error:
                body = {"error": error.error, "error_description": error.description}
                return JSONResponse(body, error.status, headers)

        return routes

    def _granted(self, request: Request, form: dict[str, str]) -> dict[str, Any]:
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return self._for_service(form)
        if form.get("client_id") not in {"desktop", "console"}:
            raise TokenError("invalid_client", "client_id: unknown client", 401)
        proof = self._proof(request)
        if grant == "authorization_code":
            return self._for_code(form, proof)
        if grant == "refresh_token":
            return self._for_refresh(form, proof)
        raise TokenError("unsupported_grant_type", f"grant_type: {grant!r} is not supported")

    def _proof(self, request: Request) -> Proof:
        try:
            return verify_proof(
                request.headers.getlist("dpop"),
                method="POST",
                url=f"{self._settings.public_origin}/token",
                access_token=None,
                expected_jkt=None,
                nonces=self._nonces,
                replay=self._replay,
            )
        except DpopError as error:
            kind = "use_dpop_nonce" if error.needs_nonce else "invalid_dpop_proof"
            raise TokenError(kind, error.detail) from error

    def _for_code(self, form: dict[str, str], proof: Proof) -> dict[str, Any]:
        code = self._state.take("code", form.get("code", ""), time.time())
        if (
            code is None
            or code["client_id"] != form["client_id"]
            or code["redirect_uri"] != form.get("redirect_uri")
        ):
            raise TokenError("invalid_grant", "the code is unknown, used, too old or another client's")
        verifier = b64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not hmac.compare_digest(verifier, code["code_challenge"]):
            raise TokenError("invalid_grant", "code_verifier does not match the challenge")
        if code.get("dpop_jkt", proof.jkt) != proof.jkt:
            raise TokenError("invalid_grant", "the code is bound to another key")
        family = uuid.uuid4().hex
        return self._for_member({**code, "family": family, "jkt": proof.jkt})

    def _for_refresh(self, form: dict[str, str], proof: Proof) -> dict[str, Any]:
        """Each refresh token works once; one that comes back ends its whole family."""
        digest = hashlib.sha256(form.get("refresh_token", "").encode()).hexdigest()
        now = time.time()
        used = self._state.get("used_refresh", digest, now)
        if used is not None:
            self._state.put("ended_family", used["family"], {}, now + self._settings.refresh_seconds)
            raise TokenError("invalid_grant", "the refresh token was used before; sign in again")
        kept = self._state.take("refresh", digest, now)
        if kept is None or self._state.get("ended_family", kept["family"], now) is not None:
            raise TokenError("invalid_grant", "the refresh token is unknown, too old or ended")
        if kept["jkt"] != proof.jkt:
            raise TokenError("invalid_grant", "the refresh token is bound to another key")
        ends = now + self._settings.refresh_seconds
        self._state.put("used_refresh", digest, {"family": kept["family"]}, ends)
        return self._for_member(kept)

    def _for_member(self, signed_in: dict[str, Any]) -> dict[str, Any]:
        member = self._state.get("member", signed_in["member_id"])
        organisation = self._state.get("organisation", member["org_id"]) if member else None
        if member is None or organisation is None:
            raise TokenError("invalid_grant", "the member is gone")
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
        service, audience = form.get("client_id", ""), form.get("audience", "")
        key = self._clients.get(service)
        if key is None:
            raise TokenError("invalid_client", "client_id: unknown client", 401)
        if audience not in SERVICE_AUDIENCES:
            raise TokenError("invalid_request", f"audience: {audience!r} is no service")
        now = time.time()
        try:
            claims = jwt.decode(form.get("client_assertion", ""), key, algorithms=["ES256"]).claims
        except (JoseError, ValueError) as error:
            raise TokenError("invalid_client", "client_assertion does not verify", 401) from error
        is_ours = (
            claims.get("aud") == self._signer.issuer and claims.get("sub") == claims.get("iss") == service
        )
        if not is_ours or not now < float(claims.get("exp", 0)) < now + 300:
            raise TokenError("invalid_client", "client_assertion is not for this issuer, or too old", 401)
        if not self._state.add("assertion", f"{service}:{claims.get('jti')}", {}, float(claims["exp"])):
            raise TokenError("invalid_client", "client_assertion was used before", 401)
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
