"""The log grown by several processes: each record once, a tenant's in the order of the stream, whatever is killed."""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.ids import uuid7
from chassis.inbox import Consumer, InboxSettings
from chassis.partitioned_intake import IntakeProcesses, PartitionedIntake
from services.audit.appender import DURABLE, MODULE, telling
from services.audit.consumers import sequencer
from tenantry import log_verifier
from tests.cut_line import CutLine
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.audit.conftest import serving
from tests.integration.audit.stage import KEYS, ROOT_KEY, Log, settings_of
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import Numbered, numbered, publish

PROCESSES = 2
TENANTS = [uuid7() for _ in range(9)]


@pytest.fixture
async def audit(
    service_dsns: Callable[[str], ServiceDsns], nats_server: TestNats, issuer: TestIssuer, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service, whose records are appended by processes of their own."""
    settings = settings_of(
        service_dsns("audit"), nats_server, issuer.origin, tmp_path, appenders=PROCESSES, max_batch=50
    )
    async with serving(settings) as http:
        yield http
    assert appenders() == [], "a process outlives the service"


def appenders() -> list[int]:
    """Process ids of the appenders that this process has started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path(f"/proc/{child}/cmdline")
            if command.exists() and MODULE.encode() in command.read_bytes().split(b"\0"):
                found.append(int(child))
    return sorted(found)


def events(count: int, first: int = 1) -> list[Numbered]:
    return [numbered(number, tenant=TENANTS[number % len(TENANTS)]) for number in range(first, first + count)]


async def in_the_log(log: Log, said: Sequence[Numbered]) -> None:
    """Each once, each tenant's in order, every tree whole."""

    async def is_whole() -> bool:
        found = await log.admin.fetchval(
            "select count(*) from audit.audit_event where record_id = any ($1)", [one.id for one in said]
        )
        return bool(found == len(said))

    await eventually(is_whole, 30, what=f"{len(said)} leaves")
    expected: dict[UUID, list[UUID]] = defaultdict(list)
    for one in said:
        expected[one.envelope.tenant_id or UUID(int=0)].append(one.id)
    for tenant, ids in expected.items():
        rows = await log.rows(tenant)
        assert [row["record_id"] for row in rows] == ids
        assert [row["leaf_index"] for row in rows] == list(range(len(rows)))
        size, root = await log.head(tenant)
        assert size == len(rows)
        assert root == log_verifier.root_of([bytes(row["leaf_hash"]) for row in rows])


async def test_each_record_is_there_once_and_in_the_order_of_its_tenant(
    audit: httpx.AsyncClient, log: Log, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    said = events(500)
    await publish(await bus("registry"), said)
    await in_the_log(log, said)
    told = (await audit.get("/readyz")).json()
    assert told["parts"]["intake-processes"] == {"wanted": PROCESSES, "up": PROCESSES}
    seen = await log.admin.fetchval(
        "select seen::text from audit.source_progress where source = '/tenantry/registry'"
    )
    assert seen == "{[1,501)}"


async def test_processes_killed_at_work_lose_nothing_and_double_nothing(
    audit: httpx.AsyncClient, log: Log, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    said = events(1_200)
    killed: set[int] = set()

    async def kill() -> None:
        while True:
            for process in appenders():
                killed.add(process)
                os.kill(process, signal.SIGKILL)
                await asyncio.sleep(0.4)
            await asyncio.sleep(0.05)

    await eventually(lambda: are_up(audit), what="the processes")
    killing = asyncio.create_task(kill())
    await publish(await bus("registry"), said)
    killing.cancel()
    await in_the_log(log, said)
    assert len(killed) > 1


async def are_up(audit: httpx.AsyncClient) -> bool:
    told = (await audit.get("/readyz")).json()
    return bool(told["parts"]["intake-processes"]["up"] == PROCESSES)


async def test_what_cannot_be_read_is_buried_and_the_rest_goes_on(
    audit: httpx.AsyncClient, log: Log, bus: Callable[[str], Awaitable[Bus]], admin: asyncpg.Connection
) -> None:
    said, registry = events(60), await bus("registry")
    broken = replace(said[30], envelope=replace(said[30].envelope, dataschema=""))
    await publish(registry, [*said[:30], broken, *said[31:]])
    await in_the_log(log, [one for one in said if one is not said[30]])
    letters = await admin.fetch("select reason, stream_sequence from audit.dead_letter")
    assert [tuple(row) for row in letters] == [("unreadable", 31)]


async def test_what_waits_for_the_database_is_seen_and_goes_on_when_it_is_back(
    log: Log, service_dsns: Callable[[str], ServiceDsns], bus: Callable[[str], Awaitable[Bus]]
) -> None:
    """The line of the processes alone is cut; the consumer's own leads on."""
    async with CutLine("audit", service_dsns("audit")) as line:
        processes = IntakeProcesses(MODULE, telling(line.database.urls, ROOT_KEY), PROCESSES)
        consumer = Consumer(
            bus=await bus("audit"),
            database=log.database,
            clock=SystemClock(),
            service="audit",
            stream="REGISTRY",
            durable=DURABLE,
            apply=sequencer(SystemClock(), KEYS),
            settings=InboxSettings(max_batch=20, alone=True),
            intake=PartitionedIntake(processes, "REGISTRY"),
        )
        await processes.start()
        running, registry = asyncio.create_task(consumer.run()), await bus("registry")
        said = events(90)
        await publish(registry, said[:30])
        await in_the_log(log, said[:30])
        await line.cut()
        await publish(registry, said[30:])
        await eventually(lambda: waits(consumer), what="word of the database")
        await line.mend()
        await in_the_log(log, said)
        await eventually(lambda: waits(consumer, no_more=True), what="word of its return")
        running.cancel()
        await asyncio.wait([running])
        await processes.close()
    assert appenders() == []


async def waits(consumer: Consumer, *, no_more: bool = False) -> bool:
    return (consumer.status()["database_down_since"] is None) == no_more
