"""The past from FEED in pages: whole and in order, also where a replica lags, places jump, or the ring moves on."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from nats.aio.msg import Msg

from chassis import direct
from chassis.bus import Bus, BusUnavailable
from chassis.db import Database
from chassis.ids import uuid7
from contracts.subjects import FEED, feed_subject
from services.bff import past
from services.bff.feed_reader import epoch_of, stream_info
from services.bff.frames import Cursor, event_frame
from services.bff.hub import Hub
from services.bff.ring import Entry, Ring
from services.bff.tails import Tails
from tests.infra import TestNats
from tests.integration.bff.feed import say

MINE, OTHER = UUID(int=1), UUID(int=2)
NewBus = Callable[[str], Awaitable[Bus]]


async def fill(bus: Bus, places: list[int]) -> list[int]:
    """Of two tenants in turn; the sequences of mine."""
    found = []
    for place in places:
        for tenant in (MINE, OTHER):
            told = {"feed-type": "x", "feed-audience": "all", "feed-n": str(place), "feed-place": str(place)}
            stored = await bus.js.publish(feed_subject(tenant, "all"), b'{"n":%d}' % place, headers=told)
        found.append(int(stored.seq) - 1)
    return found


def ring_behind(seq: int, place: int | None) -> Ring:
    ring = Ring(seq, 1_000_000)
    ring.floor_place = place
    return ring


async def epoch_now(bus: Bus) -> str:
    return epoch_of(await stream_info(bus))


async def read(bus: Bus, ring: Ring, after: int = 0) -> list[int]:
    epoch = await epoch_now(bus)
    return [entry.seq async for entries in past.pages_of(bus, epoch, MINE, after, ring) for entry in entries]


async def test_pages_give_everything_of_the_tenant_up_to_the_ring_and_nothing_else(bus: NewBus) -> None:
    mine = await bus("bff")
    seqs = await fill(mine, list(range(1, 701)))
    assert await read(mine, ring_behind(seqs[-1] + 1, 700)) == seqs
    assert await read(mine, ring_behind(seqs[499], 500), after=seqs[9]) == seqs[10:500]
    assert await read(mine, ring_behind(seqs[-1], None), after=seqs[-1]) == []
    epoch = await epoch_now(mine)
    [entries] = [
        found async for found in past.pages_of(mine, epoch, MINE, seqs[-2], ring_behind(seqs[-1], 700))
    ]
    assert entries[0].frame == event_frame("x", b'{"n":700}', Cursor(epoch, seqs[-1]))


async def test_places_that_jump_in_truth_are_taken_from_the_leader(bus: NewBus) -> None:
    """A table that was restored, say: the stream is what counts."""
    mine = await bus("bff")
    seqs = await fill(mine, [1, 2, 5, 6, 3])
    for place in (None, 3, 99):
        assert await read(mine, ring_behind(seqs[-1] + 1, place)) == seqs


async def test_a_replica_that_lags_is_not_believed(bus: NewBus, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = await bus("bff")
    seqs = await fill(mine, list(range(1, 41)))
    lagging, answers = direct.page, [4, 4, 9, 39]

    async def page(
        bus: Bus, stream: str, subject: str, start: int, most: int, most_bytes: int | None = None
    ) -> tuple[list[Msg], int]:
        messages, _ = await lagging(bus, stream, subject, start, most, most_bytes)
        known = seqs[answers.pop(0)] if answers else seqs[-1]
        return [message for message in messages if int((message.headers or {})["Nats-Sequence"]) <= known], 0

    monkeypatch.setattr(direct, "page", page)
    monkeypatch.setattr(past, "LAG_SECONDS", 0.01)
    assert await read(mine, ring_behind(seqs[-1], 40)) == seqs
    answers[:] = [4] * 1000
    with pytest.raises(BusUnavailable, match="lags"):
        await read(mine, ring_behind(seqs[-1], None))


async def test_a_ring_that_forgets_meanwhile_is_followed(bus: NewBus) -> None:
    mine = await bus("bff")
    seqs = await fill(mine, list(range(1, 601)))
    ring, got = Ring(seqs[299], 400), list[int]()
    ring.floor_place = 300
    async for entries in past.pages_of(mine, await epoch_now(mine), MINE, 0, ring):
        got += [entry.seq for entry in entries]
        if len(got) < 300:
            for place in range(301, 501):
                ring.append(Entry(seqs[place - 1], "all", place, b"x" * 40, place=place))
    assert ring.floor > seqs[400]
    assert got == [seq for seq in seqs if seq <= ring.floor]


async def test_a_feed_that_was_made_anew_is_not_taken_for_the_past_of_the_one_before(
    bus: NewBus, nats_server: TestNats
) -> None:
    """Its sequences are the same, its events are others, and a process notices only a few seconds later."""
    mine, ops = await bus("bff"), await bus("ops")
    await fill(mine, list(range(1, 41)))
    epoch = await epoch_now(mine)
    await ops.js.delete_stream(FEED)
    await nats_server.provision()
    seqs = await fill(mine, list(range(31, 51)))
    ring = ring_behind(seqs[-1], 50)
    with pytest.raises(BusUnavailable, match="made anew"):
        [entries async for entries in past.pages_of(mine, epoch, MINE, 0, ring)]
    with pytest.raises(BusUnavailable, match="made anew"):
        await past.first_kept(mine, epoch)


async def test_numbers_of_a_feed_that_was_made_anew_are_not_told_in_the_epoch_of_the_one_before(
    bus: NewBus, nats_server: TestNats, bff_data: Database
) -> None:
    mine, ops = await bus("bff"), await bus("ops")
    hub = Hub(await epoch_now(mine), 0, 10**6, 10**7, unsent_bytes=10**5, parked_seconds=30, beat_seconds=20)
    tails = Tails(hub, mine, bff_data)
    heard, tenant_id = frozenset({"all"}), uuid7()
    await say(bff_data, tenant_id, ["all"])
    assert await tails.as_of(tenant_id, heard, 0) == {}, "on its way"
    await ops.js.delete_stream(FEED)
    await nats_server.provision()
    with pytest.raises(BusUnavailable, match="made anew"):
        await tails.as_of(tenant_id, heard, 0)
