"""Joins the issuer: settings, state, key, routes."""

import json
from typing import Any

from fastapi import APIRouter
from joserfc.jwk import ECKey

from chassis.health import Health
from chassis.http import create_api
from chassis.runtime import HttpServer, Service
from tenantry.issuer import admin, authorize
from tenantry.issuer.settings import IssuerSettings
from tenantry.issuer.signing import Signer
from tenantry.issuer.state import State
from tenantry.issuer.tokens import TokenEndpoint


class ProductionRefused(Exception):
    """The local issuer is for development."""


def refuse_production(settings: IssuerSettings) -> None:
    """Raises ProductionRefused."""
    if settings.mode == "production":
        raise ProductionRefused(
            "TENANTRY_MODE=production: the local issuer is for development; set TENANTRY_OIDC_ISSUER"
        )


def compose(settings: IssuerSettings) -> Service:
    """Raises ProductionRefused in production mode."""
    refuse_production(settings)
    state = State(settings.data / "issuer.sqlite")
    signer = Signer(state, settings.public_origin)
    clients = {
        name: ECKey.import_key(jwk) for name, jwk in json.loads(settings.clients.read_text("utf-8")).items()
    }
    health = Health({})
    app = create_api(
        service="issuer",
        version="1",
        routers=[
            metadata(signer),
            authorize.router(state, settings, admin.hasher),
            TokenEndpoint(state, signer, settings, clients).router(),
            admin.router(state, signer, settings.admin_secret.get_secret_value()),
        ],
        health=health,
        max_body_bytes=65_536,
        request_seconds=10,
    )

    async def close() -> None:
        state.close()

    return Service("issuer", health, [HttpServer(app, settings.host, settings.port)], [], [], [close], 5.0)


def metadata(signer: Signer) -> APIRouter:
    """OpenID Connect Discovery and the keys."""
    routes = APIRouter(tags=["metadata"])

    @routes.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        origin = signer.issuer
        return {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "jwks_uri": f"{origin}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "Ed25519"],
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "subject_types_supported": ["public"],
            "authorization_response_iss_parameter_supported": True,
        }

    @routes.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return signer.jwks()

    return routes
