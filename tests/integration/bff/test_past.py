"""The past from FEED in pages: whole and in order, also where a replica lags, places jump, or the ring moves on."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from nats.aio.msg import Msg

from chassis import direct
from chassis.bus import Bus, BusUnavailable
from contracts.subjects import feed_subject
from services.bff import past
from services.bff.frames import Cursor, event_frame
from services.bff.ring import Entry, Ring

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


async def read(bus: Bus, ring: Ring, after: int = 0) -> list[int]:
    return [entry.seq async for entries in past.pages_of(bus, "k1", MINE, after, ring) for entry in entries]


async def test_pages_give_everything_of_the_tenant_up_to_the_ring_and_nothing_else(bus: NewBus) -> None:
    mine = await bus("bff")
    seqs = await fill(mine, list(range(1, 701)))
    assert await read(mine, ring_behind(seqs[-1] + 1, 700)) == seqs
    assert await read(mine, ring_behind(seqs[499], 500), after=seqs[9]) == seqs[10:500]
    assert await read(mine, ring_behind(seqs[-1], None), after=seqs[-1]) == []
    [entries] = [
        found async for found in past.pages_of(mine, "k1", MINE, seqs[-2], ring_behind(seqs[-1], 700))
    ]
    assert entries[0].frame == event_frame("x", b'{"n":700}', Cursor("k1", seqs[-1]))


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
    async for entries in past.pages_of(mine, "k1", MINE, 0, ring):
        got += [entry.seq for entry in entries]
        if len(got) < 300:
            for place in range(301, 501):
                ring.append(Entry(seqs[place - 1], "all", place, b"x" * 40, place=place))
    assert ring.floor > seqs[400]
    assert got == [seq for seq in seqs if seq <= ring.floor]
