"""Audit on a database of the test's own, as operations or as the whole running service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from chassis.db import Database
from chassis.outgoing import http_client
from services.audit.app import compose
from services.audit.settings import Settings
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.audit.stage import Log, settings_of
from tests.integration.audit.tokens import TestIssuer


@pytest.fixture
async def log(database: Callable[[str], Awaitable[Database]], admin: asyncpg.Connection) -> Log:
    return Log(admin, await database("audit"))


@pytest.fixture
async def issuer() -> AsyncIterator[TestIssuer]:
    """Answers on loopback until the end of the test."""
    made = TestIssuer()
    server = made.server()
    serving = asyncio.create_task(server.run())
    async with http_client() as http:
        await eventually(lambda: answers(http, f"{made.origin}/jwks"), what="the issuer")
    yield made
    await server.stop()
    await serving


@pytest.fixture
async def audit(
    service_dsns: Callable[[str], ServiceDsns], nats_server: TestNats, issuer: TestIssuer, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service, running; what it answers is asked through this client."""
    async with serving(settings_of(service_dsns("audit"), nats_server, issuer.origin, tmp_path)) as http:
        yield http


@pytest.fixture
async def audit_alone(
    service_dsns: Callable[[str], ServiceDsns], nats_server: TestNats, issuer: TestIssuer, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service, which signs and enters nothing of itself: the test does."""
    rarely = {"checkpoint_seconds": 3_600, "anchor_seconds": 3_600}
    async with serving(
        settings_of(service_dsns("audit"), nats_server, issuer.origin, tmp_path, **rarely)
    ) as http:
        yield http


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    stop = asyncio.Event()
    running = asyncio.create_task(compose(settings).run(stop))
    async with http_client(base_url=f"http://127.0.0.1:{settings.port}") as http:
        await eventually(lambda: answers(http, "/readyz"), what="audit")
        yield http
    stop.set()
    await running


async def answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.TransportError:
        return False
