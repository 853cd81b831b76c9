"""The notifier with a real database, a real mail folder, and its peers on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from chassis.clock import ManualClock
from chassis.db import Database
from chassis.ids import uuid7
from tests.infra import ServiceDsns
from tests.integration.notifier.outside import Issuer, Registry
from tests.integration.notifier.peer import Peer
from tests.integration.notifier.stage import Stage, settings_for


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    found = Issuer()
    async with found.peer:
        yield found


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    found = Registry()
    async with found.peer:
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Peer]:
    """A customer's system."""
    async with Peer() as peer:
        yield peer


@pytest.fixture
async def stage(
    database: Callable[[str], Awaitable[Database]],
    service_dsns: Callable[[str], ServiceDsns],
    admin: asyncpg.Connection,
    issuer: Issuer,
    registry: Registry,
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    settings = settings_for(
        service_dsns("notifier"), issuer.url, registry.peer.origin, tmp_path / "mail folder"
    )
    clock = ManualClock(datetime.now(UTC))
    found = Stage(await database("notifier"), admin, clock, settings, issuer, registry)
    yield found
    for close in found.closes:
        await close()


@pytest.fixture
def tenant_id() -> UUID:
    return uuid7()
