"""The relay on real parts: everything committed is published once, in order, under numbers that never change."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis import outbox
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.outbox import Lane
from chassis.relay import Relay, RelaySettings
from contracts.registry import TenantReactivatedV1
from tests.infra import TestNats, eventually

LANE = Lane("outbox", "REGISTRY")
FAST = RelaySettings(poll=0.02, retry=0.05, heartbeat=3600, note_progress=0)
IN_PIECES = replace(FAST, window=7, batch=5)


def event(tenant: UUID) -> TenantReactivatedV1:
    return TenantReactivatedV1(tenant_id=tenant, reactivated_at=SystemClock().now())


async def say(database: Database, tenant: UUID, version: int) -> UUID:
    async with database.transaction(tenant) as tx:
        return await outbox.add(tx, event(tenant), aggregate_version=version)


@contextlib.asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def stored(server: TestNats) -> list[dict[str, str]]:
    """Headers of every message of the stream, in its order, heartbeats left out."""
    bus = await server.bus("registry")
    info = await bus.js.stream_info("REGISTRY")
    found = []
    for seq in range(max(1, info.state.first_seq), info.state.last_seq + 1):
        headers = (await bus.js.get_msg("REGISTRY", seq=seq)).headers or {}
        if ".heartbeat." not in headers["ce-type"]:
            found.append(headers)
    return found


async def count_stored(bus: Bus) -> int:
    return (await bus.js.stream_info("REGISTRY")).state.messages


@pytest.fixture
async def registry(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("registry")


async def test_what_is_committed_is_published_and_what_is_rolled_back_is_not(
    registry: Database, nats_server: TestNats
) -> None:
    tenant = uuid4()
    bus = await nats_server.bus("registry")
    async with running(Relay(registry, bus, LANE, SystemClock(), FAST)):
        first = await say(registry, tenant, 1)
        with contextlib.suppress(ZeroDivisionError):
            async with registry.transaction(tenant) as tx:
                await outbox.add(tx, event(tenant), aggregate_version=2)
                raise ZeroDivisionError
        second = await say(registry, tenant, 2)
        await eventually(lambda: count_at_least(bus, 3), what="two events and a heartbeat")
    assert [message["ce-id"] for message in await stored(nats_server)] == [str(first), str(second)]


async def test_what_another_process_writes_is_published_before_the_next_look(
    registry: Database, nats_server: TestNats
) -> None:
    """By way of that process's own relay, which stands by and tells the leader."""
    bus = await nats_server.bus("registry")
    settings = RelaySettings(poll=3600, heartbeat=3600)
    leading = Relay(registry, bus, LANE, SystemClock(), settings)
    async with running(leading):
        await eventually(lambda: leading.status()["leading"])
        ours = set(outbox.wakes("registry", "outbox"))
        async with running(Relay(registry, bus, LANE, SystemClock(), settings)):
            await eventually(lambda: len(outbox.wakes("registry", "outbox")) > len(ours))
            outbox.wakes("registry", "outbox").difference_update(ours)  # as if they were another process's
            for version in range(1, 4):
                await say(registry, uuid4(), version)
                await eventually(partial(count_at_least, bus, version + 1), what="the event and a heartbeat")


async def count_at_least(bus: Bus, wanted: int) -> bool:
    return await count_stored(bus) >= wanted


@pytest.mark.parametrize("settings", [FAST, IN_PIECES], ids=["at-once", "in-pieces"])
async def test_order_holds_per_aggregate_under_concurrent_writers_and_a_foreign_open_transaction(
    registry: Database, nats_server: TestNats, admin: asyncpg.Connection, settings: RelaySettings
) -> None:
    writers, each = 12, 40
    bus = await nats_server.bus("registry")
    async with admin.transaction():
        await admin.execute("create table blocker (x int)")

        async def write(tenant: UUID, first: int, last: int) -> None:
            for version in range(first, last + 1):
                await say(registry, tenant, version)

        tenants = [uuid4() for _ in range(writers)]
        async with running(Relay(registry, bus, LANE, SystemClock(), settings)):
            await eventually(lambda: count_at_least(bus, 1), what="the first heartbeat")
        await asyncio.gather(*(write(tenant, 1, each // 2) for tenant in tenants))  # a backlog
        async with running(Relay(registry, bus, LANE, SystemClock(), settings)):
            await asyncio.gather(*(write(tenant, each // 2 + 1, each) for tenant in tenants))
            await eventually(
                lambda: count_at_least(bus, writers * each + 2),
                what="all events, and a heartbeat of each relay",
            )
    messages = await stored(nats_server)
    sequences = [int(message["ce-sequence"]) for message in messages]
    assert sequences == sorted(sequences)
    assert len({message["ce-id"] for message in messages}) == len(messages) == writers * each
    versions: dict[str, list[int]] = {}
    for message in messages:
        versions.setdefault(message["ce-tenantid"], []).append(int(message["ce-aggregateversion"]))
    assert all(found == list(range(1, each + 1)) for found in versions.values())
