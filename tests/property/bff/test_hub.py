"""The hub by the thousand: whoever connects, wherever from, gets exactly its audiences' events, in order, once."""

from dataclasses import dataclass, field
from uuid import UUID

import httpx
import httpx_sse
from hypothesis import given, settings
from hypothesis import strategies as st

from services.bff.frames import Cursor, event_frame
from services.bff.hub import MOST_ENDS, Hub, Stream
from services.bff.ring import Entry

EPOCH = "k1"
TENANTS = [UUID(int=number) for number in (1, 2, 3)]
AUDIENCES = ["all", "p.harbour", "p.airport", "o.m1", "d.d1"]


@dataclass
class Reader:
    """A sink that keeps what it is given; it can stop reading."""

    taken: bytearray = field(default_factory=bytearray)
    waiting: bytearray = field(default_factory=bytearray)
    is_stalled: bool = False
    is_over: bool = False

    def write(self, data: bytes) -> None:
        (self.waiting if self.is_stalled else self.taken).extend(data)

    def unsent(self) -> int:
        return len(self.waiting)

    def finish(self) -> None:
        self.is_over = True

    def abort(self) -> None:
        self.is_over = True
        self.waiting.clear()

    def drain(self) -> None:
        self.is_stalled = False
        self.taken.extend(self.waiting)
        self.waiting.clear()


def new_hub(ring_bytes: int = 1_000_000) -> Hub:
    return Hub(
        epoch=EPOCH,
        head=0,
        ring_bytes=ring_bytes,
        rings_bytes=10_000_000,
        unsent_bytes=300,
        parked_seconds=30,
        beat_seconds=20,
    )


def positions(data: bytes) -> list[int]:
    """Stream sequences of the events that a client sees in these bytes; a cut event does not count."""
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)
    events = httpx_sse.EventSource(answer).iter_sse()
    return [int(event.id.rpartition("-")[2]) for event in events if event.event == "x" and event.data]


@st.composite
def feeds(draw: st.DrawFn) -> list[tuple[UUID, str]]:
    return draw(
        st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(AUDIENCES)), min_size=1, max_size=60)
    )


def entry(seq: int, audience: str) -> Entry:
    return Entry(seq, audience, seq, event_frame("x", b'{"n":%d}' % seq, Cursor(EPOCH, seq)))


@settings(max_examples=300, deadline=None)
@given(
    feed=feeds(),
    tenant=st.sampled_from(TENANTS),
    mine=st.frozensets(st.sampled_from(AUDIENCES)),
    joins=st.integers(0, 60),
    cursor=st.integers(0, 60),
    stalls=st.frozensets(st.integers(0, 60)),
)
def test_a_stream_gets_its_audiences_in_order_once_and_nothing_else(
    feed: list[tuple[UUID, str]],
    tenant: UUID,
    mine: frozenset[str],
    joins: int,
    cursor: int,
    stalls: frozenset[int],
) -> None:
    hub, reader = new_hub(), Reader()
    stream = Stream(tenant, UUID(int=9), mine, reader, ends_at=1e9, beats_at=1e9)
    joins = min(joins, len(feed))
    cursor = min(cursor, joins)
    for seq, (of_tenant, audience) in enumerate(feed, 1):
        if seq == joins + 1:
            hub.attach(stream, cursor, 0.0)
        if seq in stalls:
            reader.is_stalled = not reader.is_stalled
            if not reader.is_stalled:
                reader.drain()
                hub.drained(stream, 0.0)
        hub.take(of_tenant, entry(seq, audience), 0.0)
    if joins == len(feed):
        hub.attach(stream, cursor, 0.0)
    reader.drain()
    while stream.parked_at is not None:
        hub.drained(stream, 0.0)
        reader.drain()
    expected = [
        seq
        for seq, (whose, audience) in enumerate(feed, 1)
        if whose == tenant and audience in mine and seq > cursor
    ]
    assert positions(bytes(reader.taken)) == expected


ENDING = frozenset({"o.m1", "d.d1", "all"})


@settings(max_examples=300, deadline=None)
@given(
    feed=feeds(),
    mine=st.frozensets(st.sampled_from(AUDIENCES)),
    admitted=st.integers(0, 60),
    joins=st.integers(0, 60),
)
def test_whoever_the_door_let_in_before_a_word_that_ends_it_does_not_stay(
    feed: list[tuple[UUID, str]], mine: frozenset[str], admitted: int, joins: int
) -> None:
    """Wherever the word falls: before the stream is attached, or while it is."""
    hub, reader, tenant = new_hub(), Reader(), TENANTS[0]
    joins = min(joins, len(feed))
    admitted = min(admitted, joins)
    stream = Stream(tenant, UUID(int=9), mine, reader, 1e9, 1e9, admitted_at=admitted)

    def join() -> None:
        hub.attach(stream, joins, 0.0)
        hub.end_if_outdated(stream)

    for seq, (of_tenant, audience) in enumerate(feed, 1):
        if seq == joins + 1:
            join()
        ends = "resync" if audience in ENDING else ""
        frame = event_frame("x", b"{}", Cursor(EPOCH, seq))
        hub.take(of_tenant, Entry(seq, audience, seq, frame, ends), 0.0)
    if joins == len(feed):
        join()
    said = [
        seq
        for seq, (whose, audience) in enumerate(feed, 1)
        if whose == tenant and audience in mine & ENDING and seq > admitted
    ]
    assert reader.is_over is bool(said)
    assert reader.taken.count(b"event: resync") == bool(said)


def test_who_came_in_before_all_that_is_remembered_looks_again() -> None:
    hub = new_hub()
    for seq in range(1, MOST_ENDS + 2):
        hub.take(TENANTS[0], Entry(seq, f"o.{seq}", 1, b"", "resync"), 0.0)
    early, late = Reader(), Reader()
    for number, (reader, admitted) in enumerate(((early, 0), (late, 1))):
        stream = Stream(TENANTS[0], UUID(int=number), frozenset({"o.1"}), reader, 1e9, 1e9, admitted)
        hub.attach(stream, hub.head, 0.0)
        hub.end_if_outdated(stream)
    assert (early.is_over, late.is_over) == (True, False)


def test_a_cut_at_any_byte_is_mended_by_coming_back_with_the_last_id() -> None:
    feed = [(TENANTS[0], "all")] * 12
    hub, whole = new_hub(), Reader()
    first = Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), whole, 1e9, 1e9)
    hub.attach(first, 0, 0.0)
    for seq, (tenant, audience) in enumerate(feed, 1):
        hub.take(tenant, entry(seq, audience), 0.0)
    for cut in range(len(whole.taken) + 1):
        seen = positions(bytes(whole.taken[:cut]))
        again = Reader()
        second = Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), again, 1e9, 1e9)
        hub.attach(second, seen[-1] if seen else 0, 0.0)
        assert seen + positions(bytes(again.taken)) == list(range(1, 13))
        hub.detach(second)


def test_a_second_stream_of_a_device_ends_the_first_and_says_why() -> None:
    hub, first, second = new_hub(), Reader(), Reader()
    for reader in (first, second):
        hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), reader, 1e9, 1e9), 0, 0.0)
    assert first.is_over
    assert b'"reason":"replaced"' in first.taken
    assert hub.connections == 1


def test_a_stalled_reader_costs_bounded_memory_and_is_dropped_in_the_end() -> None:
    hub, reader = new_hub(), Reader(is_stalled=True)
    hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), reader, 1e9, 1e9), 0, 0.0)
    for seq in range(1, 5001):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
    assert len(reader.waiting) < hub.unsent_bytes + 100
    assert hub.counters.parked == 1
    hub.tick(31.0)
    assert reader.is_over
    assert hub.connections == 0


def test_the_ring_gives_way_at_its_bound_and_knows_what_it_no_longer_has() -> None:
    hub = new_hub(ring_bytes=1000)
    for seq in range(1, 201):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
    ring = hub.ring_of(TENANTS[0])
    assert ring.size <= 1000
    assert not ring.covers(ring.floor - 1)
    assert [found.seq for found in ring.after(ring.floor)] == list(range(ring.floor + 1, 201))


def test_a_parked_reader_that_is_replaced_is_cut_off_and_not_waited_for() -> None:
    """It may never read again; closing in order would wait for it."""
    hub, stalled, fresh = new_hub(), Reader(is_stalled=True), Reader()
    hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), stalled, 1e9, 1e9), 0, 0.0)
    for seq in range(1, 101):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
    hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), fresh, 1e9, 1e9), 0, 0.0)
    assert stalled.is_over
    assert not stalled.waiting
    assert positions(bytes(fresh.taken)) == list(range(1, 101))
