"""A registry's database with a clock that is moved by hand, and processes that share it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import Database
from tests.integration.registry.key_stage import KeyStage
from tests.integration.registry.life import BEGAN, Life
from tests.integration.registry.people_stage import Office, office


@pytest.fixture
async def life(database: Callable[[str], Awaitable[Database]], admin: asyncpg.Connection) -> Life:
    return Life(await database("registry"), admin, ManualClock(BEGAN))


@pytest.fixture
async def stage(
    life: Life, database: Callable[[str], Awaitable[Database]], bus: Callable[[str], Awaitable[Bus]]
) -> AsyncIterator[KeyStage]:
    found = KeyStage(life, database, bus)
    yield found
    await found.end()


@pytest.fixture(name="office")
async def new_office(life: Life) -> AsyncIterator[Office]:
    async with office(life) as found:
        yield found
