"""What the registry says of a tenant changes what its desktops may do, once, and its deletion leaves nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.inbox import Consumer, dispatch
from services.sync.consumers import HANDLERS
from tests.infra import eventually
from tests.integration.sync.desk import Desk, put, refused
from tests.integration.sync.registry_events import Registry, publish

OWN_TABLES = ("record", "action_result", "producer", "scope_counter")


@pytest.fixture
async def consumer(sync_database: Database, bus: Callable[[str], Awaitable[Bus]]) -> Consumer:
    return Consumer(
        bus=await bus("sync"),
        database=sync_database,
        clock=SystemClock(),
        service="sync",
        stream="REGISTRY",
        durable="sync-inbox",
        apply=dispatch(HANDLERS),
    )


@pytest.fixture
def registry(desk: Desk) -> Registry:
    return Registry(desk.tenant_id)


async def directory(admin: asyncpg.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in await admin.fetch("select status, aggregate_version from sync.directory")]


async def rows_of(admin: asyncpg.Connection, desk: Desk) -> dict[str, int]:
    """Table → rows of the tenant."""
    return {
        table: await admin.fetchval(
            f"select count(*) from sync.{table} where tenant_id = $1",  # noqa: S608  # a name from above
            desk.tenant_id,
        )
        for table in OWN_TABLES
    }


async def test_events_from_the_stream_are_known_and_redelivered_ones_change_nothing(
    consumer: Consumer, registry: Registry, admin: asyncpg.Connection, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    registry_bus, ops_bus = await bus("registry"), await bus("ops")
    activated, frozen = registry.activated(), registry.frozen()
    await publish(registry_bus, activated, frozen, activated, frozen, activated)
    reading = asyncio.create_task(consumer.run())

    async def all_read() -> bool:
        info = await ops_bus.js.consumer_info("REGISTRY", "sync-inbox")
        return bool(info.ack_floor and info.ack_floor.stream_seq == 5 and info.num_ack_pending == 0)

    await eventually(all_read)
    reading.cancel()
    await asyncio.wait([reading])
    assert await directory(admin) == [{"status": "frozen", "aggregate_version": 2}]
    assert await admin.fetchval("select count(*) from sync.inbox") == 2
    assert await admin.fetchval("select count(*) from sync.dead_letter") == 0


async def test_an_older_event_that_comes_late_does_not_undo_a_newer_one(
    consumer: Consumer, registry: Registry, admin: asyncpg.Connection
) -> None:
    late, newer = registry.activated(version=1), registry.frozen(version=2)
    await consumer.receive([newer])
    await consumer.receive([late])
    assert await directory(admin) == [{"status": "frozen", "aggregate_version": 2}]


async def test_a_frozen_tenant_reads_and_does_not_write_until_it_is_active_again(
    desk: Desk, consumer: Consumer, registry: Registry
) -> None:
    await desk.push(put(1))
    await consumer.receive([registry.frozen()])
    answer = await desk.send([put(2)])
    assert (answer.status_code, answer.json()["code"]) == (402, "SYNC.TENANT_FROZEN")
    assert sorted(await desk.replica()) == ["a"]
    assert (await desk.shake())["last_applied_mid"] == 1
    await consumer.receive([registry.reactivated()])
    assert (await desk.push(put(2)))[0]["version"] == 2


async def test_deletion_erases_the_tenant_and_nobody_else(
    desk: Desk, stranger: Desk, consumer: Consumer, registry: Registry, admin: asyncpg.Connection
) -> None:
    await desk.push(put(1), put(2, args={"colour": "red"}))
    await stranger.push(put(1))
    kept = await rows_of(admin, stranger)
    await consumer.receive([registry.activated(), registry.deleted()])
    assert await rows_of(admin, desk) == dict.fromkeys(OWN_TABLES, 0)
    assert await rows_of(admin, stranger) == kept == dict.fromkeys(OWN_TABLES, 1)
    assert [row["status"] for row in await directory(admin)] == ["deleted"]


async def test_a_deleted_tenant_gets_no_new_rows(
    desk: Desk, consumer: Consumer, registry: Registry, admin: asyncpg.Connection
) -> None:
    await consumer.receive([registry.activated(), registry.deleted()])
    refused(await desk.send([put(1)]), 404, "SYNC.SCOPE_REFUSED", "/scope")
    assert await rows_of(admin, desk) == dict.fromkeys(OWN_TABLES, 0)


async def test_a_tombstone_stays_whatever_comes_later(
    consumer: Consumer, registry: Registry, admin: asyncpg.Connection
) -> None:
    deleted = registry.deleted()
    await consumer.receive([deleted, deleted])
    await consumer.receive([registry.activated(), registry.reactivated(), registry.archived()])
    assert [row["status"] for row in await directory(admin)] == ["deleted"]


async def test_pushes_that_race_with_the_deletion_leave_nothing_behind(
    desk: Desk, consumer: Consumer, registry: Registry, admin: asyncpg.Connection
) -> None:
    desks = [desk.colleague() for _ in range(12)]
    sending = [each.send([put(mid, f"k{mid}") for mid in range(1, 20)]) for each in desks]
    erasing = asyncio.create_task(consumer.receive([registry.deleted()]))
    answers = await asyncio.gather(*sending)
    await erasing
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert await rows_of(admin, desk) == dict.fromkeys(OWN_TABLES, 0)
