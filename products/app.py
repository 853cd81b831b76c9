"""Composes one product."""

from chassis.auth import Authenticate, TokenVerifier
from chassis.clock import SystemClock
from chassis.health import Health
from chassis.http import create_api
from chassis.outgoing import http_client
from chassis.runtime import HttpServer, Service
from chassis.service_tokens import ServiceTokens
from contracts.roles import PRODUCT_PREFIX
from products import contract_api, work_api
from products.behaviour import Behaviour, Misbehaving, control
from products.keys import ApiKeys
from products.kinds import Kind
from products.reporter import UsageReporter
from products.settings import Settings
from products.state import State

CALL_SECONDS = 5.0


def compose(kind: Kind, settings: Settings) -> Service:
    """Called inside the running loop."""
    clock, health = SystemClock(), Health({})
    is_local = settings.mode == "local"
    behaviour = Behaviour(settings.behaviour if is_local else "well")
    state = State(settings.data / f"{kind.key}.sqlite")
    key = settings.service_key.get_secret_value()
    tokens = ServiceTokens(settings.oidc_issuer, f"{PRODUCT_PREFIX}{kind.key}", key)
    http = http_client(timeout=CALL_SECONDS)
    authenticate = Authenticate(TokenVerifier(settings.oidc_issuer, kind.key, clock))
    contract = contract_api.Contract(kind, state, behaviour, clock)
    app = create_api(
        service=kind.key,
        version="1",
        routers=[
            contract_api.router(kind, contract, authenticate),
            work_api.router(kind, state, ApiKeys(settings.registry_url, tokens, http), clock),
            *([control(behaviour)] if is_local else []),
        ],
        health=health,
        max_body_bytes=65_536,
        request_seconds=settings.request_seconds,
    )
    if is_local:
        app.add_middleware(Misbehaving, behaviour=behaviour)

    async def close() -> None:
        await http.aclose()
        state.close()

    reporter = UsageReporter(state, settings.registry_url, tokens, http, every=settings.report_seconds)
    server = HttpServer(app, settings.host, settings.port, grace=settings.drain_seconds)
    return Service(kind.key, health, [server], [reporter], [], [close], settings.drain_seconds)
