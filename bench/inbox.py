"""How much of a bare COPY's speed is left when every event is claimed, applied, counted and acknowledged.

`python -m bench.inbox [--quick] [--json FILE]`: A a consumer that drains a stream into a table, batch by batch through
the inbox; B the same rows by bare COPY in batches of the same size; A B A B in one run. Then the time from publish to
commit at 1,000 events a second.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import structlog
import uvloop

from bench.report import Report, arguments
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database, Tx
from chassis.inbox import Consumer, InboxSettings
from chassis.publisher import Outgoing, Publisher
from contracts.envelope import Message
from tests.infra import Databases, TestNats, TestPostgres, eventually
from tests.integration.chassis.numbered_events import Numbered, several

SERVICE, STREAM, DURABLE = "audit", "REGISTRY", "audit-inbox"
BATCH = 500
RATE = 1_000
TABLE = """
create table audit.drained (
    event_id uuid not null, tenant_id uuid not null, type text not null, at timestamptz not null, body bytea not null
);
grant select, insert, truncate on audit.drained to audit_worker;
"""
COLUMNS = ("event_id", "tenant_id", "type", "at", "body")
Row = tuple[object, ...]


def row_of(message: Message | Numbered) -> Row:
    envelope = message.envelope
    return (envelope.id, envelope.tenant_id, envelope.type, envelope.time, message.data)


async def apply(tx: Tx, messages: Sequence[Message]) -> None:
    await tx.copy_records_to_table(
        "drained", records=[row_of(message) for message in messages], columns=COLUMNS
    )


@dataclass
class Place:
    """The servers, the consumer's database and its bus; numbers go on from round to round."""

    nats: TestNats
    database: Database
    admin: asyncpg.Connection
    publisher: Publisher
    next_number: int = 1
    committed_at: dict[object, float] = field(default_factory=dict)

    def events(self, count: int) -> list[Numbered]:
        made = several(count, first=self.next_number)
        self.next_number += count
        return made

    async def publish(self, events: Sequence[Numbered]) -> None:
        await self.publisher.send(
            [
                Outgoing(event.envelope.sequence or 0, event.envelope.type, event.headers, event.data)
                for event in events
            ]
        )

    async def count(self) -> int:
        return int(await self.admin.fetchval("select count(*) from audit.drained"))

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        bus = await self.nats.bus(SERVICE)
        consumer = Consumer(
            bus=bus,
            database=self.database,
            clock=SystemClock(),
            service=SERVICE,
            stream=STREAM,
            durable=DURABLE,
            apply=self._apply,
            settings=InboxSettings(max_batch=BATCH),
        )
        task = asyncio.create_task(consumer.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _apply(self, tx: Tx, messages: Sequence[Message]) -> None:
        await apply(tx, messages)
        tx.on_commit(lambda: self._note(messages))

    def _note(self, messages: Sequence[Message]) -> None:
        now = time.perf_counter()
        for message in messages:
            self.committed_at[message.envelope.id] = now


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
            await admin.execute(TABLE)
            registry: Bus = await nats.bus("registry")
            publisher = Publisher(registry, "REGISTRY")
            await publisher.read_last()
            yield Place(nats, await databases.open(SERVICE), admin, publisher)
            await admin.close()
            await databases.close()
        finally:
            await nats.close()
            await postgres.server.stop()


async def drain(here: Place, count: int) -> float:
    """Events per second from the stream into the table."""
    await here.publish(here.events(count))
    before = await here.count()
    started = time.perf_counter()
    async with here.consuming():
        await eventually(lambda: has(here, before + count), 120)
        return count / (max(here.committed_at.values()) - started)


async def has(here: Place, count: int) -> bool:
    return await here.count() >= count


async def copy(here: Place, count: int) -> float:
    """Rows per second by nothing but COPY, a transaction per batch, as the same role."""
    rows = [row_of(event) for event in here.events(count)]
    here.next_number -= count
    started = time.perf_counter()
    for start in range(0, count, BATCH):
        async with here.database.worker() as tx:
            await tx.copy_records_to_table("drained", records=rows[start : start + BATCH], columns=COLUMNS)
    return count / (time.perf_counter() - started)


async def latencies(here: Place, seconds: float) -> list[float]:
    """Milliseconds from the publish call to the consumer's commit, at RATE events a second."""
    sent: dict[object, float] = {}
    events = here.events(int(RATE * seconds))
    async with here.consuming():
        started = time.perf_counter()
        for start in range(0, len(events), 10):
            due = started + start / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            part = events[start : start + 10]
            sent |= dict.fromkeys((event.id for event in part), time.perf_counter())
            await here.publish(part)
        await eventually(lambda: all(event.id in here.committed_at for event in events), 60)
    return sorted((here.committed_at[event.id] - sent[event.id]) * 1_000 for event in events)


async def main() -> None:
    chosen = arguments(__doc__)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    count, rounds, seconds = (10_000, 3, 3.0) if chosen.quick else (50_000, 5, 15.0)
    report = Report("inbox", chosen)
    async with place() as here:
        await drain(here, 1_000)
        for _ in range(rounds):
            report.add("inbox_events_per_second", await drain(here, count))
            report.add("copy_rows_per_second", await copy(here, count))
        found = await latencies(here, seconds)
    report.add("publish_to_commit_p50_ms", found[len(found) // 2])
    report.add("publish_to_commit_p99_ms", found[len(found) * 99 // 100])
    report.ratio("inbox_vs_copy", "inbox_events_per_second", "copy_rows_per_second")
    report.finish()


if __name__ == "__main__":
    uvloop.run(main())
