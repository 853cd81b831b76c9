"""The notifier's HTTP as a caller meets it."""

from typing import Any

import httpx

from chassis.auth import Authenticate, TokenVerifier
from chassis.clock import SystemClock
from chassis.health import Health
from chassis.http import create_api
from services.notifier import api
from services.notifier.signatures import Sealing
from tests.integration.notifier.stage import SEALING_KEY, Stage

ALL = [
    ("POST", "/webhook-endpoints"),
    ("GET", "/webhook-endpoints"),
    ("DELETE", "/webhook-endpoints/01890000-0000-7000-8000-000000000000"),
    ("GET", "/webhook-deliveries"),
    ("GET", "/mails"),
]


def client_of(stage: Stage, *, allow_private: bool = True) -> httpx.AsyncClient:
    clock = SystemClock()
    authenticate = Authenticate(TokenVerifier(stage.issuer.url, "notifier", clock))
    routes = api.router(
        stage.database, authenticate, Sealing(SEALING_KEY), clock, allow_private=allow_private
    )
    app = create_api(
        service="notifier", version="1", routers=[routes], health=Health({}),
        max_body_bytes=100_000, request_seconds=30.0,
    )  # fmt: skip
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    return body


def places(body: dict[str, Any]) -> set[tuple[str, str]]:
    return {(fault.get("pointer") or fault["parameter"], fault["code"]) for fault in body["errors"]}
