"""From a source's event to FEED: once, densely numbered, whatever is repeated, reordered or cut off on the way."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import uuid7
from chassis.inbox import Consumer
from chassis.outbox import Lane
from chassis.pull import Delivery
from chassis.relay import Relay, RelaySettings
from contracts.envelope import Message
from contracts.event import Event
from contracts.registry import (
    DeviceEnrolledV1,
    MemberScopeChangedV1,
    TenantCreatedV1,
    TenantFrozenV1,
    TenantReactivatedV1,
)
from contracts.subjects import FEED
from contracts.sync import RecordChangedV1
from services.bff.projector import project
from tests.infra import TestNats, eventually
from tests.integration.bff.desk import created, envelope_of
from tests.integration.bff.feed import told_to

FAST = RelaySettings(poll=0.02, retry=0.05, heartbeat=3600, note_progress=0)


@dataclass(frozen=True)
class Backstage:
    """A bff's database and bus without its process: tests hand in deliveries and run relays themselves."""

    database: Database
    bus: Bus

    def consumer(self) -> Consumer:
        return Consumer(
            bus=self.bus,
            database=self.database,
            clock=SystemClock(),
            service="bff",
            stream="REGISTRY",
            durable="bff-inbox",
            apply=project,
        )

    async def relay_until(self, count: int) -> None:
        task = asyncio.create_task(new_relay(self.database, self.bus).run())
        try:
            await eventually(lambda: self.has(count), 30, f"{count} messages in FEED")
        finally:
            await cancelled(task)

    async def has(self, count: int) -> bool:
        return (await self.bus.js.stream_info(FEED)).state.messages >= count

    async def feed(self) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
        """(subject, headers, frame) of all that FEED holds, in its order."""
        info = await self.bus.js.stream_info(FEED)
        found = [await self.bus.js.get_msg(FEED, seq=seq) for seq in range(1, info.state.last_seq + 1)]
        return [(m.subject or "", m.headers or {}, orjson.loads(m.data or b"")) for m in found]


def new_relay(database: Database, bus: Bus, at: Callable[[str], Awaitable[None]] | None = None) -> Relay:
    lane = Lane("feed", FEED)
    if at is None:
        return Relay(database, bus, lane, SystemClock(), FAST)
    return Relay(database, bus, lane, SystemClock(), FAST, at=at)


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def backstage(
    database: Callable[[str], Awaitable[Database]],
    bus: Callable[[str], Awaitable[Bus]],
    nats_server: TestNats,
) -> Backstage:
    return Backstage(await database("bff"), await bus("bff"))


def story(tenant: UUID) -> list[tuple[Event, int]]:
    """(event, version of its aggregate): what is told to all, to a member and to a device; one is told to nobody."""
    now = datetime.now(UTC)
    told: list[tuple[Event, int]] = [(created(tenant), 1)]
    for version in range(2, 8, 2):
        frozen = TenantFrozenV1(tenant_id=tenant, frozen_reason="non_payment", frozen_at=now, archive_at=now)
        told += [(frozen, version), (TenantReactivatedV1(tenant_id=tenant, reactivated_at=now), version + 1)]
        device = uuid7()
        about: dict[str, Any] = {"tenant_id": tenant, "member_id": "m1"}
        told.append(
            (DeviceEnrolledV1(**about, device_id=device, jkt=str(device), property="h", cohort="c"), 1)
        )
        told.append((MemberScopeChangedV1(**about, backoffice_roles=(), properties=(str(version),)), version))
    return told


def deliveries_of(events: list[tuple[Event, int]]) -> list[Delivery]:
    envelopes = [
        envelope_of(event, version).numbered("01", n) for n, (event, version) in enumerate(events, 1)
    ]
    return [
        Delivery(envelope.to_headers(), event.data())
        for envelope, (event, _) in zip(envelopes, events, strict=True)
    ]


def shown(deliveries: list[Delivery]) -> list[str]:
    """Ids of the events of which desktops are told."""
    return [d.headers["ce-id"] for d in deliveries if d.headers["ce-type"] != TenantCreatedV1.type]


def check_numbers(feed: list[tuple[str, dict[str, str], dict[str, Any]]]) -> None:
    """In each audience 1, 2, 3 …, each naming its predecessor; in the tenant likewise; subjects as the frames say."""
    counts: Counter[tuple[str, str]] = Counter()
    for subject, headers, frame in feed:
        tenant = subject.split(".")[1]
        counts[(tenant, frame["audience"])] += 1
        counts[(tenant, "*")] += 1
        assert subject == f"feed.{tenant}.{frame['audience']}"
        assert (
            frame["seq"] == frame["prev"] + 1 == counts[(tenant, frame["audience"])] == int(headers["feed-n"])
        )
        assert int(headers["feed-place"]) == counts[(tenant, "*")]


@pytest.mark.parametrize("seed", range(3))
async def test_redelivery_and_reordering_change_nothing_in_the_feed_and_the_directory(
    backstage: Backstage, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # no secret, but repeatable
    tenants = [uuid7(), uuid7()]
    told = [delivery for tenant in tenants for delivery in deliveries_of(story(tenant))]
    for number, delivery in enumerate(told, 1):
        delivery.headers = {**delivery.headers, "ce-sequence": f"{number:020d}"}
    rest = [delivery for delivery in told for _ in range(random.randint(1, 3))]
    random.shuffle(rest)
    consumers = [backstage.consumer(), backstage.consumer()]  # as of two processes
    while rest:
        size = random.randint(1, 8)
        first, second = rest[:size], rest[size : 2 * size]
        del rest[: 2 * size]
        await asyncio.gather(consumers[0].receive(first), consumers[1].receive(second))
    await backstage.relay_until(len(shown(told)))
    await backstage.consumer().receive(told)
    feed = await backstage.feed()
    assert sorted(frame["id"] for _, _, frame in feed) == sorted(shown(told))
    check_numbers(feed)
    for tenant in tenants:
        async with backstage.database.reading(tenant) as tx:
            assert await tx.fetchval("select status from directory_tenant") == "active"
            assert await tx.fetchval("select properties from directory_member") == ["6"]


async def test_events_in_order_reach_the_feed_in_that_order(backstage: Backstage) -> None:
    told = deliveries_of(story(uuid7()))
    await backstage.consumer().receive(told)
    await backstage.relay_until(len(shown(told)))
    assert [frame["id"] for _, _, frame in await backstage.feed()] == shown(told)


@pytest.mark.parametrize("step", ["numbered", "published"])
@pytest.mark.parametrize("rounds", [3, 40])
async def test_a_relay_cut_off_between_its_steps_loses_nothing_and_doubles_nothing(
    backstage: Backstage, step: str, rounds: int
) -> None:
    """Also for a batch so large that it is published as one."""
    told = [delivery for _ in range(rounds) for delivery in deliveries_of(story(uuid7()))]
    for number, delivery in enumerate(told, 1):
        delivery.headers = {**delivery.headers, "ce-sequence": f"{number:020d}"}
    third = len(told) // 3
    await backstage.consumer().receive(told[:third])
    await backstage.relay_until(
        len(shown(told[:third]))
    )  # the first start begins an epoch, which numbers by itself
    for part in (told[third : 2 * third], told[2 * third :]):
        await backstage.consumer().receive(part)
        reached, never = asyncio.Event(), asyncio.Event()

        async def stop_at(name: str, reached: asyncio.Event = reached, never: asyncio.Event = never) -> None:
            if name == step:
                reached.set()
                await never.wait()

        task = asyncio.create_task(new_relay(backstage.database, backstage.bus, stop_at).run())
        await asyncio.wait_for(reached.wait(), 30)
        await cancelled(task)
    await backstage.relay_until(len(shown(told)))
    feed = await backstage.feed()
    assert [frame["id"] for _, _, frame in feed] == shown(told)
    check_numbers(feed)


def enrolled(tenant_id: UUID) -> DeviceEnrolledV1:
    return DeviceEnrolledV1(
        tenant_id=tenant_id, device_id=uuid7(), jkt="k", member_id="m", property="p", cohort="c"
    )


async def test_processes_that_project_the_same_tenants_in_another_order_wait_for_each_other_and_never_for_ever(
    database: Callable[[str], Awaitable[Database]],
) -> None:
    """Several processes take from one durable: PostgreSQL would end one of the two after a second, again and again."""
    data = await database("bff")
    tenants = [uuid7() for _ in range(12)]

    async def take(order: list[UUID]) -> None:
        events = [created(tenant_id) for tenant_id in order] + [enrolled(tenant_id) for tenant_id in order]
        async with data.worker() as tx:
            await project(tx, [Message(envelope_of(event), event.data()) for event in events])

    for _ in range(3):
        await asyncio.gather(*(take(order) for order in (tenants, tenants[::-1], tenants[6:] + tenants[:6])))


async def test_a_batch_of_records_is_few_round_trips_however_large_it_is(
    database: Callable[[str], Awaitable[Database]],
) -> None:
    """Whoever projects of the same tenants waits meanwhile."""
    data, tenant, asked = await database("bff"), uuid7(), list[str]()
    async with data.worker() as tx:
        tx._connection.add_query_logger(lambda record: asked.append(record.query))
        await project(tx, [Message(told_to(tenant), record(tenant, n).data()) for n in range(100)])
    assert len(asked) <= 20, Counter(asked)


def record(tenant_id: UUID, number: int) -> RecordChangedV1:
    return RecordChangedV1(
        tenant_id=tenant_id,
        record_id=f"rooms/property/harbour/{number}",
        collection="rooms",
        scope="property/harbour",
        key=str(number),
        version=1,
        seq=number,
        op="put",
        value_hash="0" * 64,
        origin=None,
    )
