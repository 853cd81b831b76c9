"""How much of a bare COPY's speed is left when every record becomes a leaf of a signed tree, with all indexes.

`python -m bench.audit [--quick] [--json FILE]`: in turn, in one run, A the sequencer fed directly, B bare COPY of the same
rows into the same table, by one process and by as many as feed the sequencer (what the database takes at most here), C a
row hash chain kept by a trigger in a table of the same columns; then the whole service through the bus, appending by itself
and by several processes, with the time from ingest to signed checkpoint; then searches over a million rows (ten without
--quick).
"""

import asyncio
import logging
import multiprocessing
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg
import structlog
import uvloop

from bench import audit_search
from bench.report import Report, arguments
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import uuid7
from chassis.inbox import Consumer, InboxSettings
from chassis.partitioned_intake import IntakeProcesses, PartitionedIntake
from chassis.publisher import Outgoing, Publisher
from chassis.runtime import COLLECTED_AFTER_BATCHES, spare_the_collector
from contracts.envelope import Message
from services.audit.appender import MODULE, telling
from services.audit.consumers import sequencer
from services.audit.log.checkpoints import sign_heads
from services.audit.log.sequencer import append
from services.audit.log.store import LEAF_COLUMNS
from services.audit.records.entry import record_of
from services.audit.records.record import Record, extracted, leaf_of
from services.audit.settings import MOST_AT_ONCE
from tests.infra import Databases, TestNats, TestPostgres, eventually
from tests.integration.audit.stage import KEYS, ROOT_KEY, SIGNER
from tests.integration.chassis.numbered_events import Numbered, numbered

SERVICE, STREAM, DURABLE = "audit", "REGISTRY", "audit-inbox"
TENANTS = 100
BATCH = 2_500
FEEDERS = 4
"""As many as this machine has cores, also of appenders."""
AT_ONCE = 10_000
"""Events made and published at a time."""
WRITERS = 8
CHAIN = """
create table audit.chained (like audit.audit_event including defaults, previous bytea, chain bytea);
create index on audit.chained (tenant_id, leaf_index);
create table audit.chain_end (tenant_id uuid primary key, chain bytea not null);
create function audit.extend_chain() returns trigger language plpgsql as $$
begin
    insert into audit.chain_end values (new.tenant_id, '') on conflict do nothing;
    select chain into new.previous from audit.chain_end where tenant_id = new.tenant_id for update;
    new.chain := sha256(new.previous || new.entry);
    update audit.chain_end set chain = new.chain where tenant_id = new.tenant_id;
    return new;
end $$;
create trigger extend_chain before insert on audit.chained for each row execute function audit.extend_chain();
grant select, insert, update on audit.chained, audit.chain_end to audit_worker;
"""


@dataclass
class Place:
    """The servers, audit's database and the registry's way onto the bus."""

    nats: TestNats
    databases: Databases
    database: Database
    admin: asyncpg.Connection
    publisher: Publisher
    tenants: list[UUID] = field(default_factory=lambda: [uuid7() for _ in range(TENANTS)])
    next_number: int = 1

    def events(self, count: int) -> list[Numbered]:
        first, self.next_number = self.next_number, self.next_number + count
        return [
            numbered(number, tenant=self.tenants[number % TENANTS]) for number in range(first, first + count)
        ]


def records(events: Sequence[Numbered]) -> list[Record]:
    return [record_of(Message(event.envelope, event.data)) for event in events]


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    with TemporaryDirectory(prefix="tenantry-bench-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        postgres = await TestPostgres.start(path / "postgres", "18")
        nats = await TestNats.start_new(path / "nats")
        try:
            await postgres.make_template()
            databases = Databases(postgres, await postgres.clone())
            admin = await asyncpg.connect(databases.dsns(SERVICE).admin_dsn)
            await admin.execute(CHAIN)
            registry: Bus = await nats.bus("registry")
            publisher = Publisher(registry, STREAM)
            await publisher.read_last()
            database = await databases.open(SERVICE)
            yield Place(nats, databases, database, admin, publisher)
            await admin.close()
            await databases.close()
        finally:
            await nats.close()
            await postgres.server.stop()


async def feed(database: Database, found: Sequence[Record]) -> None:
    for start in range(0, len(found), BATCH):
        async with database.worker() as tx:
            await append(tx, found[start : start + BATCH], datetime.now(UTC))


def elsewhere(urls: tuple[str, str], count: int, gate: Any, as_rows: bool) -> None:
    """A process that feeds or copies records of its own tenants, once all of them are made and the gate is open."""

    async def run() -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        tenants = [uuid7() for _ in range(TENANTS)]
        events = [numbered(n + 1, tenant=tenants[n % TENANTS]) for n in range(count)]
        rows, made = (rows_of(events, 0), []) if as_rows else ([], records(events))
        spare_the_collector(COLLECTED_AFTER_BATCHES)
        database = Database(SERVICE, *urls)
        await database.wait_ready()
        gate.wait()
        await copy(database, "audit_event", rows)
        await feed(database, made)
        gate.wait()
        await database.close()

    uvloop.run(run())


async def by_several(here: Place, count: int, *, as_rows: bool) -> float:
    """Records per second by several processes that feed the log, or copy into its table, each its own tenants."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(FEEDERS + 1)
    feeders = [
        context.Process(
            target=elsewhere, args=(here.database.urls, count // FEEDERS, gate, as_rows), daemon=True
        )
        for _ in range(FEEDERS)
    ]
    for feeder in feeders:
        feeder.start()
    await asyncio.to_thread(gate.wait)
    started = time.perf_counter()
    await asyncio.to_thread(gate.wait)
    took = time.perf_counter() - started
    for feeder in feeders:
        await asyncio.to_thread(feeder.join)
    return count // FEEDERS * FEEDERS / took


def rows_of(events: Sequence[Numbered], first: int) -> list[tuple[Any, ...]]:
    """The same rows as the log writes, made before the clock runs."""
    now = datetime.now(UTC)
    leaves = [leaf_of(record, now, bytes(16)) for record in records(events)]
    return [
        (leaf.record.tenant_id, first + n, leaf.record.id, now, leaf.entry, leaf.hash, *extracted(leaf))
        for n, leaf in enumerate(leaves)
    ]


async def copied(here: Place, count: int, table: str) -> float:
    """Rows per second by nothing but COPY into `table`, a transaction per batch, as the same role."""
    rows = rows_of(here.events(count), here.next_number + 10**9)
    spare_the_collector()
    started = time.perf_counter()
    await copy(here.database, table, rows)
    return count / (time.perf_counter() - started)


async def copy(database: Database, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for start in range(0, len(rows), BATCH):
        async with database.worker() as tx:
            await tx.copy_records_to_table(table, records=rows[start : start + BATCH], columns=LEAF_COLUMNS)


async def chained(here: Place, count: int) -> float:
    """Rows per second as an application's audit trigger works: a transaction per row, eight writers beside each other."""
    rows = rows_of(here.events(count), here.next_number + 10**9)
    holders = ", ".join(f"${number}" for number in range(1, len(LEAF_COLUMNS) + 1))
    sql = f"insert into chained ({', '.join(LEAF_COLUMNS)}) values ({holders})"  # noqa: S608  # names of ours
    database = Database(SERVICE, *here.database.urls, worker_connections=WRITERS)

    async def write(part: list[tuple[Any, ...]]) -> None:
        for row in part:
            async with database.worker() as tx:
                await tx.execute(sql, *row)

    await database.wait_ready()
    started = time.perf_counter()
    await asyncio.gather(*(write(rows[writer::WRITERS]) for writer in range(WRITERS)))
    took = time.perf_counter() - started
    await database.close()
    return count / took


@asynccontextmanager
async def consuming(here: Place, appenders: int) -> AsyncIterator[None]:
    """As audit composes it: one sequencer on the stream; heads are signed every second."""
    bus = await here.nats.bus(SERVICE)
    settings = InboxSettings(max_batch=MOST_AT_ONCE if appenders else BATCH, alone=True)
    processes = IntakeProcesses(MODULE, telling(here.database.urls, ROOT_KEY), appenders)
    await processes.start()
    consumer = Consumer(
        bus=bus,
        database=here.database,
        clock=SystemClock(),
        service=SERVICE,
        stream=STREAM,
        durable=DURABLE,
        apply=sequencer(SystemClock(), KEYS),
        settings=settings,
        intake=PartitionedIntake(processes, STREAM) if appenders else None,
    )
    tasks = [asyncio.create_task(consumer.run()), asyncio.create_task(signing(here))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await processes.close()


async def signing(here: Place) -> None:
    while True:
        async with here.database.worker() as tx:
            await sign_heads(tx, SIGNER, datetime.now(UTC), 5_000)
        await asyncio.sleep(1.0)


async def publish(here: Place, events: Sequence[Numbered]) -> None:
    await here.publisher.send(
        [
            Outgoing(event.envelope.sequence or 0, event.envelope.type, event.headers, event.data)
            for event in events
        ]
    )


async def leaves(here: Place) -> int:
    return int(await here.admin.fetchval("select coalesce(sum(size), 0) from audit.tree_head"))


async def grown_to(here: Place, size: int) -> None:
    async def has() -> bool:
        return await leaves(here) >= size

    await eventually(has, 300)


async def through_the_bus(here: Place, count: int, appenders: int) -> float:
    """Records per second from the stream into the signed log."""
    for _ in range(0, count, AT_ONCE):
        await publish(here, here.events(AT_ONCE))
    before = await leaves(here)
    async with consuming(here, appenders):
        await grown_to(here, before + 1)
        started, at_start = time.perf_counter(), await leaves(here)
        await grown_to(here, before + count)
        return (before + count - at_start) / (time.perf_counter() - started)


LATENCY = """
select extract(epoch from signed.at - event.happened_at) * 1000 as ms
from audit.audit_event event
cross join lateral (
    select min(signed_at) as at from audit.checkpoint
    where checkpoint.tenant_id = event.tenant_id and checkpoint.size > event.leaf_index
) as signed
where event.happened_at >= $1 order by 1
"""


async def latencies(here: Place, rate: int, seconds: float) -> list[float]:
    """Milliseconds from the event to the first signed checkpoint that covers it, at `rate` events a second."""
    before = await leaves(here)
    async with consuming(here, FEEDERS):
        await publish(here, here.events(1))
        await grown_to(here, before + 1)  # all processes are up
        began, before = datetime.now(UTC), before + 1
        started, step, sent = time.perf_counter(), max(1, rate // 50), 0
        while sent < rate * seconds:
            await asyncio.sleep(max(0.0, started + sent / rate - time.perf_counter()))
            await publish(here, here.events(step))
            sent += step
        await grown_to(here, before + sent)
        await asyncio.sleep(2.5)
    rows = await here.admin.fetch(LATENCY, began)
    return [float(row["ms"]) for row in rows if row["ms"] is not None]


async def main() -> None:
    chosen = arguments(__doc__)
    spare_the_collector()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    count, rounds, seconds, million = (30_000, 2, 5.0, 1) if chosen.quick else (150_000, 4, 20.0, 10)
    report = Report("audit", chosen)
    async with place() as here:
        for _ in range(rounds):
            report.add("direct_records_per_second", await by_several(here, count, as_rows=False))
            report.add("copy_rows_per_second", await copied(here, count, "audit_event"))
            report.add("copy_by_several_rows_per_second", await by_several(here, count, as_rows=True))
            report.add("row_chain_rows_per_second", await chained(here, count // 20))
            report.add("row_chain_by_copy_rows_per_second", await copied(here, count // 10, "chained"))
            report.add("bus_alone_records_per_second", await through_the_bus(here, count, 0))
            report.add("bus_records_per_second", await through_the_bus(here, 4 * count, FEEDERS))
        found = await latencies(here, 2_000, seconds)
        report.add("ingest_to_signed_p50_ms", found[len(found) // 2])
        report.add("ingest_to_signed_p99_ms", found[len(found) * 99 // 100])
        for name, value in (await audit_search.measure(here.database, here.admin, million)).items():
            report.add(name, value)
    report.ratio("ingest_vs_copy", "direct_records_per_second", "copy_rows_per_second")
    report.ratio("ingest_vs_copy_by_several", "direct_records_per_second", "copy_by_several_rows_per_second")
    report.ratio("ingest_vs_row_chain", "direct_records_per_second", "row_chain_rows_per_second")
    report.ratio(
        "ingest_vs_row_chain_by_copy", "direct_records_per_second", "row_chain_by_copy_rows_per_second"
    )
    report.ratio("bus_vs_copy", "bus_records_per_second", "copy_rows_per_second")
    report.finish()


if __name__ == "__main__":
    uvloop.run(main())
