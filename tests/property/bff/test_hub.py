"""The hub, case by case; `test_world.py` is for what nobody thought of."""

from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

import httpx
import httpx_sse
from hypothesis import given, settings
from hypothesis import strategies as st

from services.bff.ends import MOST_ENDS
from services.bff.frames import Cursor, event_frame
from services.bff.hub import SLICE, Hub, Stream
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
    writes: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.writes.append(data)
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


def new_hub(ring_bytes: int = 1_000_000, rings_bytes: int = 10_000_000) -> Hub:
    return Hub(
        epoch=EPOCH,
        head=0,
        ring_bytes=ring_bytes,
        rings_bytes=rings_bytes,
        unsent_bytes=300,
        parked_seconds=30,
        beat_seconds=20,
    )


def give_out(hub: Hub, now: float = 0.0) -> None:
    """Everything that was said is written."""
    while (wait := hub.step(now)) is not None:
        now += wait


def positions(data: bytes | bytearray) -> list[int]:
    """Stream sequences of the events that a client sees in these bytes; a cut event does not count."""
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=bytes(data))
    events = httpx_sse.EventSource(answer).iter_sse()
    return [int(event.id.rpartition("-")[2]) for event in events if event.event == "x" and event.data]


@st.composite
def feeds(draw: st.DrawFn) -> list[tuple[UUID, str]]:
    return draw(
        st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(AUDIENCES)), min_size=1, max_size=60)
    )


def entry(seq: int, audience: str) -> Entry:
    return Entry(seq, audience, seq, event_frame("x", b'{"n":%d}' % seq, Cursor(EPOCH, seq)))


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
    stream = Stream(tenant, UUID(int=9), mine, reader, admitted_at=admitted)

    def join() -> None:
        hub.attach(stream, joins, 0.0)

    for seq, (of_tenant, audience) in enumerate(feed, 1):
        if seq == joins + 1:
            join()
        ends = "resync" if audience in ENDING else ""
        frame = event_frame("x", b"{}", Cursor(EPOCH, seq))
        hub.take(of_tenant, Entry(seq, audience, seq, frame, ends), 0.0)
    if joins == len(feed):
        join()
    give_out(hub)
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
        stream = Stream(TENANTS[0], UUID(int=number), frozenset({"o.1"}), reader, admitted_at=admitted)
        hub.attach(stream, hub.head, 0.0)
    assert (early.is_over, late.is_over) == (True, False)


def test_a_cut_at_any_byte_is_mended_by_coming_back_with_the_last_id() -> None:
    feed = [(TENANTS[0], "all")] * 12
    hub, whole = new_hub(), Reader()
    first = Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), whole)
    hub.attach(first, 0, 0.0)
    for seq, (tenant, audience) in enumerate(feed, 1):
        hub.take(tenant, entry(seq, audience), 0.0)
    give_out(hub)
    for cut in range(len(whole.taken) + 1):
        seen = positions(bytes(whole.taken[:cut]))
        again = Reader()
        second = Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), again)
        hub.attach(second, seen[-1] if seen else 0, 0.0)
        assert seen + positions(bytes(again.taken)) == list(range(1, 13))
        hub.detach(second)


def test_a_second_stream_of_a_device_ends_the_first_and_says_why() -> None:
    hub, first, second = new_hub(), Reader(), Reader()
    for reader in (first, second):
        hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), reader), 0, 0.0)
    assert first.is_over
    assert b'"reason":"replaced"' in first.taken
    assert hub.connections == 1


def test_a_stalled_reader_costs_bounded_memory_and_is_dropped_in_the_end() -> None:
    hub, reader = new_hub(), Reader(is_stalled=True)
    hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), reader), 0, 0.0)
    for seq in range(1, 5001):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
        give_out(hub)
    assert len(reader.waiting) < hub.unsent_bytes + 100
    assert (hub.counters.parked, hub.parked) == (1, 1)
    hub.tick(29.0)
    assert not reader.is_over
    hub.tick(31.0)
    assert reader.is_over
    assert (hub.connections, hub.parked) == (0, 0)


def test_who_drains_after_the_ring_has_gone_on_is_told_so_and_where_it_stands() -> None:
    """It may come back at once with its cursor, and is given the rest from the stream itself."""
    hub, reader = new_hub(ring_bytes=1000), Reader(is_stalled=True)
    stream = Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), reader)
    hub.attach(stream, 0, 0.0)
    for seq in range(1, 101):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
        give_out(hub)
    reader.drain()
    hub.drained(stream, 1.0)
    got = positions(reader.taken)
    assert got == list(range(1, len(got) + 1))
    assert not hub.ring_of(TENANTS[0]).covers(got[-1])
    assert bytes(reader.taken).endswith(b'event: bye\ndata: {"reason":"behind"}\n\n')
    assert reader.is_over
    assert (hub.connections, hub.parked) == (0, 0)


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
    hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), stalled), 0, 0.0)
    for seq in range(1, 101):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
        give_out(hub)
    hub.attach(Stream(TENANTS[0], UUID(int=9), frozenset({"all"}), fresh), 0, 0.0)
    assert stalled.is_over
    assert not stalled.waiting
    assert positions(bytes(fresh.taken)) == list(range(1, 101))


def all_of(number: int, *audiences: str) -> tuple[Stream, Reader]:
    reader = Reader()
    return Stream(TENANTS[0], UUID(int=number), ["all", f"d.{number}", *audiences], reader), reader


def test_what_is_said_within_a_moment_is_one_write_and_the_same_bytes_for_all_who_hear_the_same() -> None:
    hub, readers = new_hub(), []
    for number, audiences in enumerate([[], [], ["p.harbour"], ["p.harbour"], ["p.airport"]]):
        stream, reader = all_of(number, *audiences)
        hub.attach(stream, 0, 0.0)
        readers.append(reader)
    for seq, audience in enumerate(["all", "p.harbour", "all", "d.1"], 1):
        hub.take(TENANTS[0], entry(seq, audience), 0.0)
    assert hub.step(0.0) == hub.join_seconds
    give_out(hub)
    assert [len(reader.writes) for reader in readers] == [1] * 5
    assert [positions(reader.taken) for reader in readers] == [
        [1, 3],
        [1, 3, 4],
        [1, 2, 3],
        [1, 2, 3],
        [1, 3],
    ]
    assert readers[2].writes[0] is readers[3].writes[0]
    assert readers[0].writes[0] is not readers[4].writes[0]


def test_nobody_without_the_audience_is_even_looked_at() -> None:
    """Of 2,000 connections of a tenant one hears of its own device; what it costs does not grow with the others."""
    hub = new_hub()
    for number in range(2_000):
        hub.attach(all_of(number, "p.harbour" if number % 2 else "p.airport")[0], 0, 0.0)
    hub.take(TENANTS[0], entry(1, "d.7"), 0.0)
    room = hub.all_streams()[0].room
    assert room is not None
    assert [stream.device_id.int for stream, _ in room.deliveries(room.window)] == [7]


def test_a_sweep_over_many_gives_others_their_turn_and_who_comes_in_between_gets_it_once() -> None:
    hub, readers = new_hub(), []
    for number in range(3 * SLICE):
        stream, reader = all_of(number)
        hub.attach(stream, 0, 0.0)
        readers.append(reader)
    hub.take(TENANTS[0], entry(1, "all"), 0.0)
    assert hub.step(1.0) == 0.0
    assert sum(len(reader.writes) for reader in readers) == SLICE
    late, reader = all_of(99_999)
    hub.attach(late, 0, 1.0)
    hub.take(TENANTS[0], entry(2, "all"), 1.0)
    give_out(hub, 1.0)
    assert all(positions(reader.taken) == [1, 2] for reader in [*readers, reader])


def test_heartbeats_come_within_a_tenth_of_their_time_and_not_together() -> None:
    hub, beats = new_hub(), dict[int, list[float]]()
    streams = [all_of(number) for number in range(500)]
    for stream, _ in streams:
        hub.attach(stream, 0, 0.0)
    for quarter in range(400):
        now = quarter / 4
        while hub.tick(now):
            pass
        for number, (_, reader) in enumerate(streams):
            if reader.writes:
                beats.setdefault(number, [0.0]).append(now)
                reader.writes.clear()
    gaps = [after - before for times in beats.values() for before, after in pairwise(times)]
    assert len(beats) == 500
    assert 17.5 <= min(gaps) <= max(gaps) <= 22.5
    assert len({times[1] for times in beats.values()}) > 10


def test_a_stream_is_told_before_its_token_ends_and_then_ends() -> None:
    hub, reader = new_hub(), Reader()
    stream = Stream(TENANTS[0], UUID(int=9), ["all"], reader, ends_at=60, warns_at=30, last_word="token")
    stream.exp = 1234
    hub.attach(stream, 0, 0.0)
    for now in (29.0, 31.0, 59.0):
        hub.tick(now)
    assert reader.taken.count(b"event: session.expiring") == 1
    assert b'{"exp":1234,"closes_in":29,"reason":"token"}' in reader.taken
    assert not reader.is_over
    hub.tick(61.0)
    assert b'"reason":"token"' in reader.taken
    assert reader.is_over


def test_whoever_does_not_take_its_last_word_is_cut_off_in_the_end() -> None:
    """A transport that closes in order waits for its reader for ever."""
    hub, reader = new_hub(), Reader(is_stalled=True)
    stream = Stream(TENANTS[0], UUID(int=9), ["all"], reader)
    hub.attach(stream, 0, 0.0)
    hub.say_bye(stream, "drain")
    assert reader.waiting
    hub.tick(31.0)
    assert not reader.waiting


def test_of_two_streams_of_a_device_the_younger_one_stays_whichever_comes_first() -> None:
    for order in ((1, 2), (2, 1)):
        hub, readers = new_hub(), {1: Reader(), 2: Reader()}
        for generation in order:
            reader = readers[generation]
            hub.attach(Stream(TENANTS[0], UUID(int=9), ["all"], reader, generation=generation), 0, 0.0)
        assert (readers[1].is_over, readers[2].is_over) == (True, False)
        assert b'"reason":"replaced","generation":1' in readers[1].taken
    hub.evict(TENANTS[0], UUID(int=9), 2)
    assert not readers[2].is_over
    hub.evict(TENANTS[0], UUID(int=9), 3)
    assert readers[2].is_over


def test_an_event_that_does_not_follow_the_last_one_of_its_tenant_sends_its_streams_back() -> None:
    """They come for it with their cursor; the ring gives nothing from before."""
    hub, (stream, reader) = new_hub(), all_of(1)
    hub.attach(stream, 0, 0.0)
    frame = b"event: x\ndata: {}\n\n"
    hub.take(TENANTS[0], Entry(1, "all", 1, frame, place=1), 0.0)
    hub.take(TENANTS[0], Entry(5, "all", 3, frame, place=3), 0.0)
    assert b'"reason":"gap"' in reader.taken
    ring = hub.ring_of(TENANTS[0])
    assert (ring.covers(3), ring.covers(4), ring.floor_place) == (False, True, 2)


def test_all_rings_together_stay_within_their_bound() -> None:
    hub = new_hub(ring_bytes=4_000, rings_bytes=20_000)
    for seq in range(1, 5_001):
        hub.take(UUID(int=seq % 50 + 1), entry(seq, "all"), 0.0)
    rings = [hub.ring_of(UUID(int=number)) for number in range(1, 51)]
    assert 10_000 < sum(ring.size for ring in rings) <= 20_000


def test_more_said_than_written_is_known() -> None:
    hub, (stream, _) = new_hub(), all_of(1)
    hub.attach(stream, 0, 0.0)
    assert not hub.is_behind
    for seq in range(1, 20):
        hub.take(TENANTS[0], Entry(seq, "all", seq, b"x" * 1_000_000), 0.0)
    assert hub.is_behind
    give_out(hub)
    assert (hub.is_behind, hub.backlog) == (False, 0)


def test_a_reader_that_stalls_again_just_at_what_ends_it_is_ended_all_the_same() -> None:
    """It drained into a stretch of the ring that ends with the word, and that is more than it takes."""
    hub, (stream, reader) = new_hub(), all_of(1)
    hub.write_bytes = 400
    hub.attach(stream, 0, 0.0)
    reader.is_stalled = True
    for seq in range(1, 30):
        hub.take(TENANTS[0], entry(seq, "all"), 0.0)
        give_out(hub)
    first = stream.position + 1
    assert stream.parked_at is not None
    frame = event_frame("x", b"{}", Cursor(EPOCH, 30))
    size = sum(len(entry(seq, "all").frame) for seq in range(first, 30)) + len(frame)
    hub.write_bytes = size
    hub.take(TENANTS[0], Entry(30, "d.1", 1, frame, "resync"), 0.0)
    reader.taken += reader.waiting
    reader.waiting.clear()
    hub.drained(stream, 0.0)  # before the sweep comes to it
    reader.drain()
    assert reader.is_over
    assert positions(reader.taken) == list(range(1, 31))
    assert reader.taken.count(b"event: resync") == 1
