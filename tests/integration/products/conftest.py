"""An issuer that knows services and products; everything else a test starts itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from chassis.clock import ManualClock
from chassis.db import Database
from tests.integration.bff.stage import Issuer
from tests.integration.products.stage import CLIENTS, Town
from tests.integration.registry.life import BEGAN, Life


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        found = Town(tmp_path, Issuer(tmp_path / "issuer", CLIENTS), http)
        await found.start_issuer()
        yield found
        await found.end()


@pytest.fixture
async def life(database: Callable[[str], Awaitable[Database]], admin: asyncpg.Connection) -> Life:
    return Life(await database("registry"), admin, ManualClock(BEGAN))
