"""The sync service over real PostgreSQL, with tokens of a real issuer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest

from chassis.db import Database
from tests.integration.sync.desk import Desk, application, client_of
from tests.integration.sync.issuer import Issuer, serving


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        yield found


@pytest.fixture
async def sync_database(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("sync")


@pytest.fixture
async def http(sync_database: Database, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks as the bff."""
    async with client_of(application(sync_database, issuer), issuer.token()) as found:
        yield found


@pytest.fixture
def desk(http: httpx.AsyncClient) -> Desk:
    """A device of a new tenant."""
    return Desk(http)


@pytest.fixture
def stranger(http: httpx.AsyncClient) -> Desk:
    """A device of another tenant."""
    return Desk(http)
