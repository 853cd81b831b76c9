"""A consuming service (audit) on a real stream of the registry and a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from nats.js.api import ConsumerInfo

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.inbox import Apply, Consumer, InboxSettings
from chassis.receiver import Takes
from tests.infra import ServiceDsns
from tests.integration.chassis.kinds import AskConsumer, NewConsumer, Running, Runs, StartPart
from tests.integration.chassis.stage import DURABLE, SERVICE, STREAM, Stage, set_stage


@pytest.fixture
def audit_dsns(service_dsns: Callable[[str], ServiceDsns]) -> ServiceDsns:
    return service_dsns(SERVICE)


@pytest.fixture
async def stage(database: Callable[[str], Awaitable[Database]], admin: asyncpg.Connection) -> Stage:
    return await set_stage(await database(SERVICE), admin)


@pytest.fixture
async def audit_bus(bus: Callable[[str], Awaitable[Bus]]) -> Bus:
    return await bus(SERVICE)


@pytest.fixture
async def registry_bus(bus: Callable[[str], Awaitable[Bus]]) -> Bus:
    return await bus("registry")


@pytest.fixture
async def ops_bus(bus: Callable[[str], Awaitable[Bus]]) -> Bus:
    return await bus("ops")


@pytest.fixture
def consumer_info(ops_bus: Bus) -> AskConsumer:
    """What the server knows of the durable."""

    async def ask() -> ConsumerInfo:
        info: ConsumerInfo = await ops_bus.js.consumer_info(STREAM, DURABLE)
        return info

    return ask


@pytest.fixture
def new_consumer(stage: Stage, audit_bus: Bus) -> NewConsumer:
    """A consumer that reads nothing by itself: the test hands it deliveries."""

    def make(
        apply: Apply,
        settings: InboxSettings | None = None,
        database: Database | None = None,
        intake: Takes | None = None,
    ) -> Consumer:
        return Consumer(
            bus=audit_bus,
            database=database or stage.database,
            clock=SystemClock(),
            service=SERVICE,
            stream=STREAM,
            durable=DURABLE,
            apply=apply,
            settings=settings,
            intake=intake,
        )

    return make


@pytest.fixture
async def start_part() -> AsyncIterator[StartPart]:
    """Run a part until the end of the test or until its task is cancelled; a failure of the part fails the test."""
    tasks: list[asyncio.Task[None]] = []

    def start(part: Runs) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(part.run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


@pytest.fixture
def running(new_consumer: NewConsumer, start_part: StartPart) -> Running:
    """A consumer that reads its durable; returns it with its task."""

    def start(
        apply: Apply, settings: InboxSettings | None = None, database: Database | None = None
    ) -> tuple[Consumer, "asyncio.Task[None]"]:
        consumer = new_consumer(apply, settings, database)
        return consumer, start_part(consumer)

    return start
