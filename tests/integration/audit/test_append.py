"""Events become leaves: dense trees, each event once, all of a batch or nothing, time that never goes back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from structlog.testing import capture_logs

from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import DatabaseUnavailable
from chassis.ids import uuid7
from chassis.inbox import Consumer
from chassis.pull import Delivery
from services.audit.consumers import sequencer
from services.audit.log import store
from services.audit.log.sequencer import append
from services.audit.records.record import PLATFORM
from tenantry import log_verifier
from tests.infra import eventually
from tests.integration.audit.stage import KEYS, Log, records_of
from tests.integration.chassis.numbered_events import Numbered, numbered, several

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAITS_FOR_A_ROW = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and usename = 'audit_worker'
"""


@pytest.fixture
async def consumer(log: Log, bus: Callable[[str], Awaitable[Bus]]) -> Consumer:
    """Audit's way in; the test hands it deliveries."""
    clock = ManualClock(NOW)
    return Consumer(
        bus=await bus("audit"),
        database=log.database,
        clock=clock,
        service="audit",
        stream="REGISTRY",
        durable="audit-inbox",
        apply=sequencer(clock, KEYS),
    )


def of_tenants(tenants: list[UUID], count: int) -> list[Numbered]:
    """Events that concern these tenants in turn."""
    return [numbered(number, tenant=tenants[number % len(tenants)]) for number in range(1, count + 1)]


async def assert_dense(log: Log, tenant_id: UUID, expected: list[UUID]) -> None:
    """The leaves count from 0 without a hole, and the head is the root over exactly them."""
    records = await log.records(tenant_id)
    assert [row["leaf_index"] for row in records] == list(range(len(expected)))
    assert [row["record_id"] for row in records] == expected
    hashes = [log_verifier.leaf_hash(row["entry"]) for row in records]
    assert [row["leaf_hash"] for row in records] == hashes
    assert await log.head(tenant_id) == (len(expected), log_verifier.root_of(hashes))


async def test_batches_across_tenants_grow_every_tree_by_its_own_events(log: Log) -> None:
    tenants = [uuid7() for _ in range(5)]
    events = of_tenants(tenants, 1_500)
    for start, end in ((0, 1), (1, 8), (8, 700), (700, 1_281), (1_281, 1_500)):
        await log.append(events[start:end], NOW)
    for tenant in tenants:
        await assert_dense(log, tenant, [event.id for event in events if event.envelope.tenant_id == tenant])


async def test_a_fact_of_the_whole_platform_goes_into_the_tree_of_the_platform(
    log: Log, consumer: Consumer
) -> None:
    events = several(3)
    deliveries = [without_tenant(event.delivery) for event in events]
    await consumer.receive([*deliveries, numbered(4).delivery])
    await assert_dense(log, PLATFORM, [event.id for event in events])
    assert all(b'"tenant_id":null' in entry for entry in await log.entries(PLATFORM))


def without_tenant(delivery: Delivery) -> Delivery:
    return Delivery({**delivery.headers, "ce-tenantid": "_"}, delivery.data)


async def test_an_appender_waits_for_another_and_the_tree_stays_dense(
    log: Log, admin: asyncpg.Connection
) -> None:
    tenants = [uuid7(), uuid7()]
    first, second = of_tenants(tenants, 20), of_tenants(tenants[::-1], 20)
    async with log.database.worker() as tx:
        await append(tx, records_of(first), NOW)
        waiting = asyncio.create_task(log.append(second, NOW))
        await eventually(lambda: is_one(admin, WAITS_FOR_A_ROW), what="the second appender to wait")
    await waiting
    for tenant in tenants:
        await assert_dense(
            log, tenant, [event.id for event in first + second if event.envelope.tenant_id == tenant]
        )


async def is_one(admin: asyncpg.Connection, sql: str) -> bool:
    return bool(await admin.fetchval(sql) == 1)


async def test_many_appenders_at_once_neither_deadlock_nor_leave_a_hole(log: Log) -> None:
    tenants = [uuid7() for _ in range(4)]
    batches = [of_tenants(tenants[turn % 4 :] + tenants[: turn % 4], 12) for turn in range(24)]
    await asyncio.gather(*(log.append(batch, NOW) for batch in batches))
    for tenant in tenants:
        records = await log.records(tenant)
        assert {row["record_id"] for row in records} == {
            event.id for batch in batches for event in batch if event.envelope.tenant_id == tenant
        }
        await assert_dense(log, tenant, [row["record_id"] for row in records])


async def test_an_event_that_comes_twice_is_one_leaf(log: Log, consumer: Consumer) -> None:
    tenant = uuid7()
    events = [numbered(number, tenant=tenant) for number in range(1, 7)]
    deliveries = [event.delivery for event in events]
    await consumer.receive([*deliveries[:4], *deliveries[:4]])
    await consumer.receive(deliveries[2:])
    await asyncio.gather(consumer.receive(deliveries), consumer.receive(deliveries))
    await assert_dense(log, tenant, [event.id for event in events])


async def test_checkpoints_and_heartbeats_are_never_leaves(log: Log, consumer: Consumer) -> None:
    quiet = [
        of_type(numbered(number), type_)
        for number, type_ in enumerate(("audit.checkpoint.published.v1", "registry.source.heartbeat.v1"), 1)
    ]
    await consumer.receive(quiet)
    assert await log.admin.fetchval("select count(*) from audit.audit_event") == 0
    assert await log.admin.fetchval("select seen::text from audit.source_progress") == "{[1,3)}"


def of_type(event: Numbered, type_: str) -> Delivery:
    return Delivery({**event.headers, "ce-type": type_}, event.data)


async def test_a_crash_in_the_middle_leaves_nothing_half(log: Log, admin: asyncpg.Connection) -> None:
    tenant = uuid7()
    before = [numbered(number, tenant=tenant) for number in range(1, 300)]
    await log.append(before, NOW)
    parts = await state(admin)
    with pytest.raises(DatabaseUnavailable):
        await append_and_lose_the_connection(log, admin, tenant)
    assert await state(admin) == parts
    after = numbered(999, tenant=tenant)
    await log.append([after], NOW)
    await assert_dense(log, tenant, [event.id for event in [*before, after]])


async def append_and_lose_the_connection(log: Log, admin: asyncpg.Connection, tenant: UUID) -> None:
    async with log.database.worker() as tx:
        await append(tx, records_of([numbered(300, tenant=tenant)] * 300), NOW)
        pid = await tx.fetchval("select pg_backend_pid()")
        await admin.execute("select pg_terminate_backend($1, 5000)", pid)


async def state(admin: asyncpg.Connection) -> list[Any]:
    """Everything that an append writes."""
    return [
        await admin.fetch("select * from audit.tree_head order by tenant_id"),
        await admin.fetch("select * from audit.tile order by tenant_id, level, number"),
        await admin.fetchval("select count(*) from audit.audit_event"),
    ]


async def test_received_time_never_goes_back_even_when_the_clock_does(log: Log) -> None:
    tenant, other = uuid7(), uuid7()
    for number, seconds in enumerate((0, 5, -60, 2, 6), 1):
        await log.append([numbered(number, tenant=tenant)], NOW + timedelta(seconds=seconds))
    await log.append([numbered(9, tenant=other)], NOW - timedelta(seconds=60))
    received = [row["received_at"] for row in await log.records(tenant)]
    assert received == [NOW + timedelta(seconds=seconds) for seconds in (0, 5, 5, 5, 6)]
    assert all(
        f'"received_at":"{time:%Y-%m-%dT%H:%M:%S.%f}Z"'.encode() in entry
        for time, entry in zip(received, await log.entries(tenant), strict=True)
    )


@pytest.mark.parametrize(("seconds", "alarms"), [(5, 0), (6, 1)])
async def test_a_clock_that_went_back_by_more_than_five_seconds_is_an_alarm(
    log: Log, seconds: int, alarms: int
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    with capture_logs() as said:
        await log.append([numbered(2, tenant=tenant)], NOW - timedelta(seconds=seconds))
    found = [line["log_level"] for line in said if line["event"] == "audit.clock_went_back"]
    assert found == ["error"] * alarms


async def test_a_record_that_is_posted_again_keeps_its_leaf(log: Log) -> None:
    """Whoever has no inbox that looked: the tree does, also across batches and within one."""
    tenant = uuid7()
    records = records_of([numbered(number, tenant=tenant) for number in range(1, 6)])
    async with log.database.worker() as tx:
        first = dict(await append(tx, records[:3], NOW))
    async with log.database.worker() as tx:
        again = dict(await append(tx, [*records, *records], NOW + timedelta(days=30)))
    assert first == {record.id: index for index, record in enumerate(records[:3])}
    assert again == {record.id: index for index, record in enumerate(records)}
    await assert_dense(log, tenant, [record.id for record in records])


@pytest.mark.parametrize("depth", [150, 300, 900])
async def test_a_deeply_nested_body_becomes_a_leaf_like_any_other(
    log: Log, consumer: Consumer, depth: int
) -> None:
    """Nothing is refused: what has no canonical form here is kept as its bytes."""
    event = numbered(1)
    body = b'{"a":' * depth + b"1" + b"}" * depth
    verdict = await consumer.receive([Delivery(event.headers, body)])
    assert len(verdict.done) == 1
    tenant = event.envelope.tenant_id
    assert tenant is not None
    await assert_dense(log, tenant, [event.id])


async def test_a_character_that_no_text_column_holds_does_not_keep_an_event_from_its_leaf(
    log: Log, consumer: Consumer
) -> None:
    event = numbered(1)
    await consumer.receive([Delivery({**event.headers, "ce-actorid": "a%00b"}, event.data)])
    tenant = event.envelope.tenant_id
    assert tenant is not None
    await assert_dense(log, tenant, [event.id])
    [entry] = await log.entries(tenant)
    assert b'"id":"a\\u0000b"' in entry


async def test_a_body_too_large_for_an_entry_is_kept_beside_the_leaf_that_holds_its_hash(
    log: Log, consumer: Consumer
) -> None:
    event = numbered(1)
    body = orjson.dumps({"text": "é" * 50_000, "b": 1, "a": None}, option=orjson.OPT_SORT_KEYS)
    await consumer.receive([Delivery(event.headers, body), Delivery(numbered(2).headers, b"\xff" * 80_000)])
    tenant = event.envelope.tenant_id
    assert tenant is not None
    await assert_dense(log, tenant, [event.id])
    [entry] = await log.entries(tenant)
    assert len(entry) < 65_536
    told = orjson.loads(entry)["body"]
    assert told == {"member": "data", "sha256": sha256(body).hexdigest(), "bytes": len(body)}
    async with log.database.reading(tenant) as tx:
        assert await store.body_of(tx, tenant, 0) == body
    kept = await log.admin.fetch("select length(body) as size from audit.audit_body order by size")
    assert [row["size"] for row in kept] == [len(body), 2 + 4 * 80_000 // 3 + 2]


async def test_numbers_that_no_canonical_form_holds_do_not_keep_an_event_from_its_leaf(
    log: Log, consumer: Consumer
) -> None:
    event = numbered(2**60, version=2**62)
    verdict = await consumer.receive([event.delivery])
    assert len(verdict.done) == 1
    tenant = event.envelope.tenant_id
    assert tenant is not None
    await assert_dense(log, tenant, [event.id])
