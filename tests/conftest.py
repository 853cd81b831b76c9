"""Fixtures of all tests. PostgreSQL starts once per test process; everything else is a test's own."""

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from hypothesis import settings

from chassis.bus import Bus
from chassis.db import Database
from chassis.runtime import take_all_files
from tenantry.stack.postgres import DEFAULT_VERSION
from tests.infra import Databases, ServiceDsns, TestNats, TestPostgres
from tests.ports import environment_of
from tests.shell import CHECKOUT, Shell

MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
MEMORY_BYTES = 4 << 30
APART = {"long", "node", "browser", "mongo", "tiles"}
"""Marks of tests that take long or need another toolchain; each has a target of its own."""


os.environ["COLUMNS"] = (
    "200"  # pytest-xdist makes its workers narrow, in which the command line's tables break
)
pytest.register_assert_rewrite("tests.streams.suite")
take_all_files()

# How long an example takes says what else runs on the machine.
settings.register_profile("tenantry", deadline=None)
settings.load_profile("tenantry")

# Tracebacks with all locals and colours take up to a second each.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runsoak", action="store_true", help="also run the long fault runs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--runsoak"):
        skip = pytest.mark.skip(reason="a long run; `make soak` starts it")
        for item in items:
            if "soak" in item.keywords:
                item.add_marker(skip)
    if not config.getoption("-m"):
        apart = [item for item in items if APART & set(item.keywords)]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]


def memory_if_there_is_enough() -> Path | None:
    """Each test clones a database of some hundred files and drops it, which is most of what a disk would have to do."""
    is_large = (
        MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    )
    return MEMORY if is_large else None


@pytest.fixture(autouse=True)
def left_open() -> Iterator[None]:
    """A line or a file that a test leaves open fails that test, not whichever runs when the collector comes by.

    What survives is frozen, so that each collection looks at one test's objects only.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def infra_folder() -> Iterator[Path]:
    """A folder that an unprivileged PostgreSQL can walk to; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-test-", dir=memory_if_there_is_enough()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(infra_folder: Path) -> Iterator[TestPostgres]:
    """A real server with a migrated template database."""
    version = os.environ.get("TENANTRY_POSTGRES_VERSION", DEFAULT_VERSION)

    async def start() -> TestPostgres:
        started = await TestPostgres.start(infra_folder / "postgres", version, is_durable=False)
        await started.make_template()
        return started

    started = asyncio.run(start())
    yield started
    asyncio.run(started.server.stop())


@contextlib.contextmanager
def whole_stack(folder: Path) -> Iterator[Path]:
    """A whole stack that stays up and ends with status 0; its data folder."""
    environment = environment_of(folder)
    command = [sys.executable, "-m", "tenantry", "up"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True) as stack:
        assert stack.stdout is not None
        assert any("everything is up" in line for line in stack.stdout)
        yield folder
        stack.send_signal(signal.SIGINT)
        stack.communicate(timeout=40)
    assert stack.returncode == 0


@pytest.fixture(scope="session")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tests that share it are marked `xdist_group("stack")`: one test process has it, and each leaves it fit for others."""
    with whole_stack(tmp_path_factory.mktemp("stack") / "data") as folder:
        yield folder


@pytest.fixture
def shell(live_stack: Path) -> Shell:
    """The command line of the live stack."""
    return Shell(live_stack)


@pytest.fixture
async def databases(postgres: TestPostgres) -> AsyncIterator[Databases]:
    """A database of the test's own, cloned from the template."""
    found = Databases(postgres, await postgres.clone())
    yield found
    await found.close()
    await postgres.drop(found.name)


@pytest.fixture
def service_dsns(databases: Databases) -> Callable[[str], ServiceDsns]:
    return databases.dsns


@pytest.fixture
def database(databases: Databases) -> Callable[[str], Awaitable[Database]]:
    """`await database("registry")`: the service's view of the test's database."""
    return databases.open


@pytest.fixture
async def admin(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """A superuser on the test's database."""
    connection = await asyncpg.connect(databases.dsns("registry").admin_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[TestNats]:
    """A provisioned nats-server of the test's own."""
    server = await TestNats.start_new(tmp_path / "nats")
    yield server
    await server.close()


@pytest.fixture
def bus(nats_server: TestNats) -> Callable[[str], Awaitable[Bus]]:
    """`await bus("registry")`: the service's connection."""
    return nats_server.bus
