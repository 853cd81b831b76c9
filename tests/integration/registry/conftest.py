"""A registry's database with a clock that is moved by hand."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from chassis.clock import ManualClock
from chassis.db import Database
from tests.integration.registry.life import BEGAN, Life


@pytest.fixture
async def life(database: Callable[[str], Awaitable[Database]], admin: asyncpg.Connection) -> Life:
    return Life(await database("registry"), admin, ManualClock(BEGAN))
