"""Two bff processes beside each other on one feed: a large one, and a small one that forgets and whose registry is down."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from chassis.db import Database
from chassis.outgoing import http_client
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Ladder
from tests.infra import Databases, TestNats, TestPostgres
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import LARGE, SMALL, TWIN, Bff, Issuer, Stage, nowhere

NewDesk = Callable[..., Awaitable[Desk]]


class KnowsNobody(BaseHTTPRequestHandler):
    """A registry that is up: whoever is asked for, there is no such thing."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # their name
        """Quiet."""


@pytest.fixture(scope="session")
def empty_registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), KnowsNobody) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def bff_database(postgres: TestPostgres) -> Iterator[str]:
    name = asyncio.run(postgres.clone())
    yield name
    asyncio.run(postgres.drop(name))


@pytest.fixture(scope="session")
def stage(
    postgres: TestPostgres, bff_database: str, empty_registry: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("bff")
    nats = asyncio.run(TestNats.start_new(folder / "nats"))
    dsns = postgres.dsns("bff", bff_database)
    found = Stage(
        nats, dsns, Issuer(folder / "issuer"), folder, empty_registry, postgres.dsns("registry", bff_database)
    )
    asyncio.run(found.start_issuer())
    asyncio.run(found.say_settings())
    yield found
    found.end()
    asyncio.run(nats.server.stop())


@pytest.fixture(scope="session")
def large(stage: Stage) -> Bff:
    return asyncio.run(stage.start_bff("large", stage.registry_url, LARGE))


@pytest.fixture(scope="session")
def small(stage: Stage) -> Bff:
    return asyncio.run(stage.start_bff("small", nowhere(), SMALL))


@pytest.fixture
async def bff_data(postgres: TestPostgres, bff_database: str) -> AsyncIterator[Database]:
    """The bff's view of the database that its processes use."""
    databases = Databases(postgres, bff_database)
    yield await databases.open("bff")
    await databases.close()


@pytest.fixture(scope="session")
def twins(stage: Stage) -> tuple[Bff, Bff]:
    """Two processes behind one public address, which remember what they may."""

    async def start() -> tuple[Bff, Bff]:
        left, right = [await stage.start_bff(name, stage.registry_url, TWIN) for name in ("left", "right")]
        return left, right

    return asyncio.run(start())


@pytest.fixture
async def registry(postgres: TestPostgres, bff_database: str) -> AsyncIterator[Database]:
    databases = Databases(postgres, bff_database)
    yield await databases.open("registry")
    await databases.close()


@pytest.fixture
async def desk(registry: Database, new_desk: NewDesk) -> Desk:
    """Of a tenant that the registry knows."""
    found = await new_desk()
    tenant = found.tenant_id
    asked = tenants.NewTenant(f"t-{tenant.hex[-12:]}", "Hotel", "real", "en", "Europe/Berlin", None)
    async with registry.transaction(tenant) as tx:
        await tenants.start_trial(
            tx, tenant, asked, str(tenant), f"org-{tenant}", datetime.now(UTC), Ladder()
        )
    return found


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(timeout=20.0) as client:
        yield client


@pytest.fixture
def new_desk(stage: Stage, bff_data: Database) -> NewDesk:
    """`await new_desk(...)`: an enrolled desk, of a tenant of its own unless one is given."""

    async def make(**about: object) -> Desk:
        return await Desk(stage.issuer, **about).enrol(bff_data)  # type: ignore[arg-type]

    return make


@pytest.fixture
def logs(stage: Stage) -> Path:
    return stage.folder
