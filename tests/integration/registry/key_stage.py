"""Processes of the registry beside each other, as far as API keys go: own bus, pools, memory and parts each."""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from chassis.auth import Authenticate, TokenVerifier, refused
from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import Database
from chassis.health import Health
from chassis.http import create_api
from chassis.news import News
from chassis.outbox import Lane
from chassis.pages import PageTokens
from chassis.relay import Relay
from contracts.claims import Claims
from services.registry.api_keys.parts import ApiKeys
from services.registry.settings import Settings
from tests.infra import eventually
from tests.integration.registry.life import Life

PEPPER = "p1:" + base64.b64encode(b"1" * 32).decode()
NEWER_PEPPER = "p2:" + base64.b64encode(b"2" * 32).decode()
ISSUED = {"name": "Night sync", "product": "ai_console", "scopes": ["read", "write"]}
VERIFY = "/internal/api-keys/verify"


def settings_of(**changed: Any) -> Settings:
    needed: dict[str, Any] = {
        "TENANTRY_MODE": "local",
        "TENANTRY_NATS_URL": "nats://nowhere",
        "TENANTRY_OIDC_ISSUER": "http://nowhere",
        "database_url": "postgresql://nowhere",
        "worker_database_url": "postgresql://nowhere",
        "nats_seed": "none",
        "service_key": "{}",
        "port": 1,
        "erp_webhook_secret": "made-up",
        "erp_folder": "/nowhere",
        "identity_admin_url": "http://nowhere",
        "identity_admin_secret": "made-up",
        "page_token_key": "made-up",
        "key_peppers": PEPPER,
        "trial_link_key": "made-up",
    }
    return Settings(**{**needed, **changed})


class Callers(TokenVerifier):
    """Tokens that tests hand out instead of an issuer's."""

    def __init__(self) -> None:
        self.claims: dict[str, Claims] = {}

    async def verify(self, token: str) -> Claims:
        if token not in self.claims:
            raise refused("the access token is not valid")
        return self.claims[token]

    def add(self, **about: Any) -> dict[str, str]:
        token = uuid4().hex
        known = {"sub": f"sub-{token[:8]}", "token_id": token, "audience": frozenset({"registry"})}
        self.claims[token] = Claims(**{**known, "expires_at": 2**40, **about})
        return {"Authorization": f"Bearer {token}"}


@dataclass
class Process:
    """One process: its application, and the parts that were started."""

    keys: ApiKeys
    http: httpx.AsyncClient
    database: Database
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def news(self) -> News:
        return self.keys.news

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.http.aclose()


@dataclass
class KeyStage:
    """Several processes on one database and one bus; time is the test's."""

    life: Life
    new_database: Callable[[str], Awaitable[Database]]
    new_bus: Callable[[str], Awaitable[Bus]]
    callers: Callers = field(default_factory=Callers)
    processes: list[Process] = field(default_factory=list)

    @property
    def clock(self) -> ManualClock:
        return self.life.clock

    @property
    def admin(self) -> asyncpg.Connection:
        return self.life.admin

    def operator(self, role: str = "PLATFORM_ADMIN") -> dict[str, str]:
        return self.callers.add(realm_roles=frozenset({role}))

    def member(self, tenant_id: UUID, role: str = "IT_ADMIN", **about: Any) -> dict[str, str]:
        return self.callers.add(tenant_id=tenant_id, org_roles=frozenset({role}), **about)

    def product(self, name: str = "ai_console") -> dict[str, str]:
        role = f"service:product:{name}"
        return self.callers.add(service=f"product:{name}", realm_roles=frozenset({role}))

    async def start(
        self,
        *,
        database: Database | None = None,
        relays: bool = False,
        bus: Bus | None = None,
        **changed: Any,
    ) -> Process:
        """A process whose memory is live; `relays` says what was written."""
        database = database or await self.new_database("registry")
        bus = bus or await self.new_bus("registry")
        keys = ApiKeys(database, bus, self.clock, settings_of(**changed))
        routers = keys.routers(Authenticate(self.callers), PageTokens(b"made-up"))
        app = create_api(
            service="registry", version="1", routers=routers, health=Health({}), max_body_bytes=100_000,
            request_seconds=20,
        )  # fmt: skip
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://registry")
        process = Process(keys, http, database)
        self.processes.append(process)
        running = [keys.news.run()]
        if relays:
            running.append(Relay(database, bus, Lane("outbox", "REGISTRY"), self.clock).run())
        process.tasks += [asyncio.create_task(run) for run in running]
        await eventually(lambda: process.news.is_live, what="a live subscription")
        return process

    async def issue(
        self, process: Process, tenant_id: UUID, status: int = 201, **changed: Any
    ) -> dict[str, Any]:
        answer = await process.http.post(
            f"/v1/tenants/{tenant_id}/api-keys",
            json={**ISSUED, **changed},
            headers={**self.operator(), "Idempotency-Key": uuid4().hex},
        )
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def change(
        self, process: Process, method: str, key: dict[str, Any], path: str = "", **body: Any
    ) -> httpx.Response:
        """A change of a key as it is now."""
        url = f"/v1/tenants/{key['tenant_id']}/api-keys/{key['key_id']}"
        operator = self.operator()
        etag = (await process.http.get(url, headers=operator)).headers["ETag"]
        headers = {**operator, "Idempotency-Key": uuid4().hex, "If-Match": etag}
        return await process.http.request(method, url + path, json=body or None, headers=headers)

    async def rotate(self, process: Process, key: dict[str, Any], **body: Any) -> dict[str, Any]:
        answer = await self.change(process, "POST", key, "/rotation", **{"overlap_hours": 24, **body})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def revoke(self, process: Process, key: dict[str, Any]) -> None:
        answer = await self.change(process, "DELETE", key)
        assert answer.status_code == 200, answer.text

    async def verify(
        self, process: Process, key: str, by: str = "ai_console", **asked: Any
    ) -> dict[str, Any]:
        answer = await process.http.post(VERIFY, json={"key": key, **asked}, headers=self.product(by))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def code(self, process: Process, key: str, by: str = "ai_console", **asked: Any) -> str:
        return str((await self.verify(process, key, by, **asked))["code"])

    def later(self, **by: float) -> str:
        """A time after the stage's now."""
        return (self.clock.now() + timedelta(**by)).isoformat()

    async def end(self) -> None:
        for process in self.processes:
            await process.end()
