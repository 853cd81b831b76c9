"""One town for all tests of this folder: PostgreSQL, NATS, issuer, vendor and audit; every test brings a desk."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest

from chassis.db import Database
from chassis.outgoing import http_client
from tests.infra import Databases, TestNats, TestPostgres
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import Bff, Issuer, Stage, nowhere
from tests.integration.locks.town import Town

NewDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture(scope="session")
def town_database(postgres: TestPostgres) -> Iterator[str]:
    name = asyncio.run(postgres.clone())
    yield name
    asyncio.run(postgres.drop(name))


@pytest.fixture(scope="session")
def town(
    postgres: TestPostgres, town_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("locks")
    nats = asyncio.run(TestNats.start_new(folder / "nats"))
    dsns = {name: postgres.dsns(name, town_database) for name in ("bff", "audit", "registry")}
    stage = Stage(nats, dsns["bff"], Issuer(folder / "issuer"), folder, nowhere(), dsns["registry"])
    found = Town(stage, nats, dsns["audit"])

    async def start() -> None:
        await stage.start_issuer()
        await stage.say_settings()
        await asyncio.gather(found.start_vendor(), found.start_audit())

    asyncio.run(start())
    yield found
    stage.end()
    asyncio.run(nats.server.stop())


@pytest.fixture
async def well(town: Town) -> Bff:
    """A bff that nobody kills; the tests share it."""
    return await town.well()


@pytest.fixture
def alone(town: Town) -> None:
    """No bff runs but those that the test starts: none of another test takes its action out of the test's hands."""
    town.end_bffs()


@pytest.fixture
async def bff_data(postgres: TestPostgres, town_database: str) -> AsyncIterator[Database]:
    databases = Databases(postgres, town_database)
    yield await databases.open("bff")
    await databases.close()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(timeout=20.0) as client:
        yield client


@pytest.fixture
def new_desk(town: Town, bff_data: Database) -> NewDesk:
    """An enrolled desk whose member has just signed in with a second factor, unless it says otherwise."""

    async def make(**about: object) -> Desk:
        told = {"claims": {"acr": "mfa", "auth_time": int(time.time())}, **about}
        return await Desk(town.stage.issuer, **told).enrol(bff_data)  # type: ignore[arg-type]

    return make


@pytest.fixture
async def desk(new_desk: NewDesk) -> Desk:
    return await new_desk()
