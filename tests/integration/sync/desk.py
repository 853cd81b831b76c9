"""The sync service as its app composes it, and the bff's side of it: one caller per tenant and device."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI

from chassis.auth import Authenticate, TokenVerifier
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.health import Health
from chassis.http import create_api
from chassis.ids import uuid7
from chassis.switches import Switches
from chassis.watched import Watched
from contracts.settings import Setting, flag_key
from services.sync import api
from services.sync.model import Cursors
from services.sync.pause import FLAG
from services.sync.settings import Settings
from tests.integration.sync.issuer import Issuer

CURSOR_KEY = base64.b64encode(b"k" * 32).decode()
HARBOUR = "harbour"
NOTES = "shift_notes"


def settings_of(issuer: Issuer, **changed: Any) -> Settings:
    """As from the environment; nothing is connected by them."""
    given: dict[str, Any] = {
        "TENANTRY_MODE": "local",
        "TENANTRY_NATS_URL": "nats://127.0.0.1:1",
        "TENANTRY_OIDC_ISSUER": issuer.url,
        "database_url": "unused",
        "worker_database_url": "unused",
        "nats_seed": "unused",
        "service_key": "unused",
        "port": 1,
        "cursor_key": CURSOR_KEY,
        **changed,
    }
    return Settings(**given)


@dataclass
class Told:
    """What is watched, where nothing is paused; the bucket itself is `test_pause.py`'s matter."""

    known: dict[str, Setting] = field(
        default_factory=lambda: {flag_key(FLAG, None): Setting(row_version=0, value=None)}
    )

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Nothing changes."""


def application(database: Database, issuer: Issuer, **changed: Any) -> FastAPI:
    """The service's HTTP side, composed as in `services/sync/app.py`."""
    settings = settings_of(issuer, **changed)
    clock = SystemClock()
    authenticate = Authenticate(TokenVerifier(issuer.url, "sync", clock))
    cursors = Cursors(settings.cursor_key.get_secret_value())
    switches = Switches(cast("Watched", Told()))
    return create_api(
        service="sync",
        version="1",
        routers=[api.router(database, authenticate, cursors, clock, settings, switches)],
        health=Health({}),
        max_body_bytes=settings.max_body_bytes,
        request_seconds=settings.request_seconds,
    )


@asynccontextmanager
async def client_of(app: FastAPI, token: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sync", headers=headers) as http:
        yield http


def encoded(told: Any) -> str:
    """As the bff writes its header."""
    return base64.urlsafe_b64encode(orjson.dumps(told)).rstrip(b"=").decode()


def put(mid: int, key: str = "a", **given: Any) -> dict[str, Any]:
    """A mutation; `args`, `base_version` and whatever else can be given."""
    return {
        "mid": mid,
        "collection": NOTES,
        "key": key,
        "type": "put",
        "args": {"text": f"note {mid}"},
        "base_version": None,
        "occurred_at": "2026-03-01T08:00:00Z",
        **given,
    }


def delete(mid: int, key: str = "a", **given: Any) -> dict[str, Any]:
    return put(mid, key, type="delete", args={}, **given)


@dataclass
class Desk:
    """One device of one tenant, as the bff speaks for it."""

    http: httpx.AsyncClient
    tenant_id: UUID = field(default_factory=uuid7)
    device_id: UUID = field(default_factory=uuid7)
    properties: list[str] = field(default_factory=lambda: [HARBOUR])

    @property
    def scope(self) -> str:
        return f"{self.tenant_id}/{HARBOUR}"

    def colleague(self) -> "Desk":
        """Another device of the same tenant."""
        return Desk(self.http, self.tenant_id, uuid7(), self.properties)

    def principal(self) -> dict[str, Any]:
        return {
            "tenant_id": str(self.tenant_id),
            "device_id": str(self.device_id),
            "member_id": "member-1",
            "org_roles": ["USER"],
            "backoffice_roles": ["front_desk"],
            "properties": self.properties,
        }

    async def ask(self, verb: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        told = {"tenantry-principal": encoded(self.principal()), **(headers or {})}
        return await self.http.post(f"/sync/v1/{verb}", json=body, headers=told)

    async def send(self, mutations: list[dict[str, Any]], epoch: int = 1, **given: Any) -> httpx.Response:
        body = {"scope": self.scope, "producer_epoch": epoch, "mutations": mutations, **given}
        return await self.ask("push", body)

    async def push(self, *mutations: dict[str, Any], epoch: int = 1) -> list[dict[str, Any]]:
        """The results, in order."""
        results: list[dict[str, Any]] = good(await self.send(list(mutations), epoch))["results"]
        return results

    async def page(self, cursor: str | None = None, limit: int = 500) -> dict[str, Any]:
        return good(await self.ask("pull", {"scope": self.scope, "cursor": cursor, "limit": limit}))

    async def pages(self, cursor: str | None = None, limit: int = 500) -> list[dict[str, Any]]:
        """From the cursor to the head."""
        found = [await self.page(cursor, limit)]
        while found[-1]["more"]:
            found.append(await self.page(found[-1]["next"], limit))
        return found

    async def replica(self, cursor: str | None = None, limit: int = 500) -> dict[str, Any]:
        """Key → value, as a desktop that starts empty would hold it."""
        return replica_of(await self.pages(cursor, limit))

    def handshake(self, **given: Any) -> dict[str, Any]:
        """The body of a handshake."""
        return {
            "device": str(self.device_id),
            "app_version": "1.0.0",
            "schema_version": 1,
            "schema_hash": "shift_notes-1",
            "scopes": [{"scope": self.scope, "cursor": None}],
            "producer_epoch": 1,
            "last_mid": 0,
            **given,
        }

    async def shake(self, **given: Any) -> dict[str, Any]:
        return good(await self.ask("handshake", self.handshake(**given)))


def replica_of(pages: list[dict[str, Any]], start: dict[str, Any] | None = None) -> dict[str, Any]:
    held: dict[str, Any] = dict(start or {})
    for change in (change for page in pages for change in page["changes"]):
        if change["op"] == "delete":
            held.pop(change["key"], None)
        else:
            held[change["key"]] = (change["version"], change["value"])
    return held


def good(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: httpx.Response, status: int, code: str, pointer: str) -> dict[str, Any]:
    """The problem; it has the form of every problem and points at what is wrong."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    places = [fault.get("pointer") or fault.get("header") for fault in problem.get("errors", [])]
    assert pointer in places, problem
    return problem
