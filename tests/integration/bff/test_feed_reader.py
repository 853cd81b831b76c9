"""The reader of FEED on a real server: it loses its consumer, its line or the whole stream, and reads on where it was."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest

from chassis.bus import Bus
from chassis.db import Database
from chassis.service_tokens import ServiceTokens
from contracts.subjects import FEED, feed_subject
from services.bff.audiences import token
from services.bff.directory import Directory
from services.bff.feed_reader import FeedReader
from services.bff.hub import Hub
from services.bff.ring import Entry
from tests.infra import TestNats, eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.stage import nowhere

TENANT = UUID(int=1)
NewBus = Callable[[str], Awaitable[Bus]]


class Heads(Hub):
    """Keeps what it was given: (epoch, sequence)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.taken: list[tuple[str, int]] = []

    def take(self, tenant_id: UUID, entry: Entry, now: float) -> None:
        self.taken.append((self.epoch, entry.seq))
        super().take(tenant_id, entry, now)


async def fill(bus: Bus, first: int, count: int) -> None:
    for n in range(first, first + count):
        told = {"feed-type": "x", "feed-audience": "all", "feed-n": str(n), "feed-place": str(n)}
        await bus.js.publish(feed_subject(TENANT, "all"), b"{}", headers=told)


@pytest.fixture
async def mine(bus: NewBus) -> Bus:
    return await bus("bff")


@pytest.fixture
async def ops(bus: NewBus) -> Bus:
    return await bus("ops")


@contextlib.asynccontextmanager
async def reading(bus: Bus, on_word: Callable[[str], None] = lambda _: None) -> AsyncIterator[Heads]:
    hub = Heads("", 0, 10**6, 10**7, unsent_bytes=10**5, parked_seconds=30, beat_seconds=20)
    reader = FeedReader(bus, hub, 0, on_word)
    task = asyncio.create_task(reader.run())
    try:
        await asyncio.wait_for(reader.opened.wait(), 10)
        yield hub
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def lose_consumers(ops: Bus) -> None:
    """As when the server that holds them ends: they have no name and live in its memory."""
    for info in await ops.js.consumers_info(FEED):
        await ops.js.delete_consumer(FEED, info.name)


async def test_a_reader_that_lost_its_consumer_before_the_first_event_reads_nothing_again(
    mine: Bus, ops: Bus
) -> None:
    await fill(mine, 1, 20)
    async with reading(mine) as hub:
        assert hub.head == 20
        await lose_consumers(ops)
        await fill(mine, 21, 2)
        await eventually(lambda: hub.head == 22, 40, "the events behind the loss")
        assert [seq for _, seq in hub.taken] == [21, 22]


async def test_a_lost_consumer_is_noticed_within_seconds_and_nothing_is_missed_or_repeated(
    mine: Bus, ops: Bus
) -> None:
    async with reading(mine) as hub:
        await fill(mine, 1, 5)
        await eventually(lambda: hub.head == 5)
        await lose_consumers(ops)
        await fill(mine, 6, 5)
        await eventually(lambda: hub.head == 10, 8, "the events behind the loss")
        assert [seq for _, seq in hub.taken] == list(range(1, 11))


async def test_a_stream_that_was_made_anew_under_a_standing_line_begins_a_new_epoch(
    mine: Bus, ops: Bus, nats_server: TestNats
) -> None:
    """As an operator restores it: no server ends, so that no connection tells."""
    async with reading(mine) as hub:
        await fill(mine, 1, 5)
        await eventually(lambda: hub.head == 5)
        old = hub.epoch
        await ops.js.delete_stream(FEED)
        await nats_server.provision()
        await fill(mine, 6, 3)
        await eventually(lambda: hub.epoch != old and hub.head == 3, 40, "the new epoch")
        assert [seq for epoch, seq in hub.taken if epoch == old] == [1, 2, 3, 4, 5]
        assert mine.connections == 1


async def test_what_the_hub_was_told_the_door_has_forgotten_however_late_its_own_news_are(
    mine: Bus, new_desk: NewDesk, bff_data: Database
) -> None:
    """Else a stream could begin behind the word that ends it, and with what was true before it."""
    desk = await new_desk()
    tokens = ServiceTokens(nowhere(), "bff", json.dumps(desk.issuer.keys["bff"].as_dict(private=True)))
    directory = Directory(bff_data, mine, nowhere(), tokens, seconds=30)
    directory.news._hear = lambda *_: None  # they will come, a moment after the reader's
    hearing = asyncio.create_task(directory.news.run())
    await eventually(lambda: directory.news.is_live)
    who = (desk.tenant_id, desk.jkt, desk.member_id)
    await directory.standing(*who)
    assert directory.remembered(*who) is not None
    async with reading(mine, directory.forget) as hub:
        told = {"feed-type": "x", "feed-audience": "o.m", "feed-n": "1", "feed-place": "1"}
        await mine.js.publish(feed_subject(desk.tenant_id, f"o.{token(desk.member_id)}"), b"{}", headers=told)
        await eventually(lambda: hub.head == 1)
        assert directory.remembered(*who) is None
    hearing.cancel()
    await directory.close()


async def test_a_lost_line_changes_neither_epoch_nor_what_is_read(mine: Bus, nats_server: TestNats) -> None:
    async with reading(mine) as hub:
        await fill(mine, 1, 5)
        await eventually(lambda: hub.head == 5)
        old = hub.epoch
        nats_server.kill()
        await nats_server.start()
        await mine.wait_connected()
        await fill(mine, 6, 5)
        await eventually(lambda: hub.head == 10, 40, "the events behind the loss")
        assert hub.taken == [(old, seq) for seq in range(1, 11)]
