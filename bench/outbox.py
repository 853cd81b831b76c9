"""The outbox's relay beside bare publishing of the same messages, and the latency from commit to consumer.

Bare publishing is the same publisher with the same headers and batches, without outbox, numbers or database.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import orjson
import structlog
import uvloop

from bench.report import Report, arguments
from chassis import outbox
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import uuid7
from chassis.outbox import Lane
from chassis.publisher import Outgoing, Publisher
from chassis.pull import Pull
from chassis.relay import Relay, RelaySettings
from contracts.envelope import Envelope
from contracts.registry import TenantReactivatedV1
from tests.infra import Databases, TestNats, TestPostgres

BATCH = 1000
RATE = 1000
WRITERS = 8
LANE = Lane("outbox", "REGISTRY")
FILL = """
insert into registry.outbox (event_id, tenant_id, subject, headers, payload)
select gen_random_uuid(), null, $1, $2, $3 from generate_series(1, $4)
"""


@dataclass
class Place:
    """Servers of this run."""

    nats: TestNats
    databases: Databases
    admin: asyncpg.Connection


@contextlib.asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """Own servers, ended with the run."""
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = await TestPostgres.start(folder / "postgres", "18")
        nats = await TestNats.start_new(folder / "nats")
        try:
            await postgres.make_template()
            databases = Databases(postgres, await postgres.clone())
            admin = await asyncpg.connect(databases.dsns("registry").admin_dsn)
            yield Place(nats, databases, admin)
            await admin.close()
            await databases.close()
        finally:
            await nats.close()
            await postgres.server.stop()


def message() -> tuple[dict[str, str], bytes, str]:
    """Headers, body and subject of a usual event."""
    event = TenantReactivatedV1(tenant_id=uuid4(), reactivated_at=SystemClock().now())
    envelope = Envelope(
        id=uuid7(),
        source="/tenantry/registry",
        type=event.type,
        time=SystemClock().now(),
        subject=f"tenant/{event.tenant_id}",
        tenant_id=event.tenant_id,
        aggregate_version=1,
        dataschema=f"urn:tenantry:schema:{event.type}",
        correlation_id=str(uuid4()),
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )
    return envelope.to_headers(), event.data(), event.type


async def bare(where: Place, count: int) -> float:
    """Messages a second through the publisher alone."""
    bus = await where.nats.bus("registry")
    publisher = Publisher(bus, "REGISTRY")
    await publisher.read_last()
    headers, body, subject = message()
    started = time.perf_counter()
    for start in range(0, count, BATCH):
        batch = []
        for number in range(start + 1, min(start + BATCH, count) + 1):
            place_ = {"ce-sequence": f"{number:020d}", "ce-sourceepoch": "bench"}
            own = headers | place_ | {"Nats-Msg-Id": str(uuid7())}
            batch.append(Outgoing(number, subject, own, body))
        await publisher.send(batch)
    rate = count / (time.perf_counter() - started)
    await fresh_stream(where)
    return rate


async def relayed(where: Place, count: int) -> float:
    """Messages a second out of a filled outbox."""
    headers, body, subject = message()
    headers.pop("Nats-Msg-Id")
    await where.admin.execute(FILL, subject, orjson.dumps(headers), body, count)
    database = await where.databases.open("registry")
    bus = await where.nats.bus("registry")
    relay = Relay(database, bus, LANE, SystemClock(), RelaySettings(heartbeat=3600))
    started = time.perf_counter()
    task = asyncio.create_task(relay.run())
    while (await bus.js.stream_info("REGISTRY")).state.messages < count:
        await asyncio.sleep(0.02)
    rate = count / (time.perf_counter() - started)
    await end(task)
    await where.admin.execute("truncate registry.outbox, registry.outbox_sequence, registry.outbox_epoch")
    await where.admin.execute(
        "update registry.outbox_relay set epoch = '', seen = '1:1:', window_end = null, last_seq = 0, published_seq = 0"
    )
    await fresh_stream(where)
    return rate


async def latency(where: Place, seconds: float) -> list[float]:
    """Milliseconds from commit to the hand of a pulling consumer, at a steady rate.

    The relay leads here. Who writes is another process of the same service, whose relay stands by and tells of what was
    written; who reads is a third one.
    """
    dsns, nats = where.databases.dsns("registry"), where.nats
    address = Address(
        dsns.database_url, dsns.worker_database_url, nats.url, nats.seed("registry"), nats.seed("audit")
    )
    database = await where.databases.open("registry")
    relay = Relay(database, await nats.bus("registry"), LANE, SystemClock(), RelaySettings(heartbeat=3600))
    leading = asyncio.create_task(relay.run())
    while not relay.status()["leading"]:
        await asyncio.sleep(0.05)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn) as processes:
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(processes, reader, address, seconds + 6)
        committed = await loop.run_in_executor(processes, writer, address, seconds)
        received = await reading
    await end(leading)
    return [(received[id_] - at) * 1000 for id_, at in committed.items() if id_ in received]


@dataclass(frozen=True)
class Address:
    """What another process needs of this run's servers."""

    database_url: str
    worker_database_url: str
    nats_url: str
    registry_seed: str
    audit_seed: str


def writer(address: Address, seconds: float) -> dict[str, float]:
    """Event id → when its transaction was committed (the machine's monotonic seconds)."""
    return uvloop.run(write(address, seconds))


async def write(address: Address, seconds: float) -> dict[str, float]:
    quiet()
    database = Database("registry", address.database_url, address.worker_database_url)
    bus = Bus("registry", address.nats_url, address.registry_seed)
    await bus.connect()
    relay = asyncio.create_task(Relay(database, bus, LANE, SystemClock()).run())
    committed: dict[str, float] = {}
    tenant = uuid4()
    await asyncio.sleep(2)
    ends = time.perf_counter() + seconds

    async def say_regularly(offset: float) -> None:
        due = time.perf_counter() + offset
        while due < ends:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            async with database.transaction(tenant) as tx:
                event = TenantReactivatedV1(tenant_id=tenant, reactivated_at=SystemClock().now())
                id_ = await outbox.add(tx, event, aggregate_version=1)
            committed[str(id_)] = time.perf_counter()
            due += WRITERS / RATE

    await asyncio.gather(*(say_regularly(place_ / RATE) for place_ in range(WRITERS)))
    await asyncio.sleep(1)
    await end(relay)
    await bus.close()
    await database.close()
    return committed


def reader(address: Address, seconds: float) -> dict[str, float]:
    """Event id → when it was handed over."""
    return uvloop.run(read(address, seconds))


async def read(address: Address, seconds: float) -> dict[str, float]:
    """Audit's durable, pulled as the inbox pulls it."""
    quiet()
    bus = Bus("audit", address.nats_url, address.audit_seed)
    await bus.connect()
    await bus.wait_connected()
    pull = Pull(bus, "REGISTRY", "audit-inbox")
    received: dict[str, float] = {}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        deliveries = await pull.next_batch(1.0)
        at = time.perf_counter()
        received.update((delivery.headers["ce-id"], at) for delivery in deliveries)
        await pull.ack(deliveries)
    await bus.close()
    return received


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


async def fresh_stream(where: Place) -> None:
    where.nats.kill()
    where.nats.wipe()
    await where.nats.start()
    await where.nats.provision()


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def main() -> None:
    report = Report("outbox", arguments(__doc__))
    rounds, count, seconds = (2, 20_000, 5.0) if report.chosen.quick else (4, 60_000, 20.0)
    async with place() as where:
        # First, while the server has nothing to write back of the rounds.
        found = sorted(await latency(where, seconds))
        report.add("commit to consumer at 1,000/s: p50, ms", statistics.median(found))
        report.add("commit to consumer at 1,000/s: p99, ms", found[int(len(found) * 0.99)])
        report.add("events measured", len(found))
        await fresh_stream(where)
        for _ in range(rounds):
            report.add("bare publishing, messages/s", await bare(where, count))
            report.add("relay, messages/s", await relayed(where, count))
    report.ratio("relay_vs_bare_publish", "relay, messages/s", "bare publishing, messages/s")
    report.finish()


if __name__ == "__main__":
    quiet()
    uvloop.run(main())
