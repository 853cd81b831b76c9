"""An issuer that knows services and products; everything else a test starts itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from chassis.clock import ManualClock
from chassis.db import Database
from chassis.outgoing import http_client
from services.registry.tenants.model import Trigger
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.bff.stage import Issuer, Process, answers
from tests.integration.products.stage import CLIENTS, Town
from tests.integration.registry.life import BEGAN, Life


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    folder = tmp_path_factory.mktemp("products")
    found = Issuer(folder / "issuer", CLIENTS)
    process = Process("tenantry.issuer", found.environment, folder / "issuer.log")
    asyncio.run(eventually(lambda: answers(f"{found.origin}/jwks"), 30, "the issuer"))
    yield found
    process.end()


@pytest.fixture
async def town(tmp_path: Path, issuer: Issuer) -> AsyncIterator[Town]:
    async with http_client(timeout=20.0) as http:
        found = Town(tmp_path, issuer, http)
        yield found
        await found.end()


@pytest.fixture
async def life(database: Callable[[str], Awaitable[Database]], admin: asyncpg.Connection) -> Life:
    return Life(await database("registry"), admin, ManualClock(BEGAN))


@pytest.fixture
async def whole_town(town: Town, nats_server: TestNats, service_dsns: Callable[[str], ServiceDsns]) -> Town:
    """One in which registries can be started."""
    town.nats, town.dsns = nats_server, service_dsns("registry")
    return town


@pytest.fixture
async def tenant_id(life: Life) -> UUID:
    """A tenant of today that bought the AI console and the notetaker: whole processes have the machine's clock."""
    life.clock.advance(datetime.now(UTC) - BEGAN)
    made = await life.new_trial()
    await life.buy(made, Trigger.PAYMENT)
    return made
