"""Who is connected, and what each is owed. No task, queue or timer per connection; no I/O but `write` on a sink.

Every connection receives strictly increasing stream sequences over its audiences. What is said within a few milliseconds
is joined and given to everyone it is for in a sweep: `take` notes, `step` writes a slice and says when to come again,
`tick` does what is due by time. Between two calls anything else may happen. A slow reader is parked: nothing more is
buffered for it, its cursor is kept, and it goes on from the ring when it has drained.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from services.bff.ends import Ends
from services.bff.frames import Cursor, control_frame
from services.bff.ring import Entry, Ring
from services.bff.rooms import Joined, Room, Rooms, Sink, Stream, Watch, joined, last_word, replaced
from services.bff.wheel import Wheel

__all__ = ["Entry", "Hub", "Ring", "Sink", "Stream"]

SLICE = 256
"""So many streams are looked at before others get their turn: about three milliseconds of writing."""
BACKLOG_BYTES = 16 * 1024 * 1024
"""More than this said and not written, and the reader of the feed waits."""
JITTER = 0.1


@dataclass(slots=True)
class Counters:
    """For health and telemetry."""

    delivered: int = 0
    parked: int = 0
    dropped: int = 0
    replaced: int = 0


@dataclass(eq=False, slots=True)
class Sweep:
    """What one room said, on its way to the streams."""

    room: Room
    entries: list[Entry]
    deliveries: Iterator[tuple[Stream, Joined]]


@dataclass
class Hub:
    """All streams of this process. Times are seconds of one monotonic clock that the caller reads.

    To drive it: `take` each message of the feed, `attach` streams; call `step` at once when `on_work` says so and again
    after the seconds that it answers; call `tick` a few times a second, again at once while it answers True.
    """

    epoch: str
    head: int
    ring_bytes: int
    rings_bytes: int
    unsent_bytes: int
    parked_seconds: float
    beat_seconds: float
    join_seconds: float = 0.005
    """So long the first event of a window waits for others."""
    write_bytes: int = 65_536
    """About so much is joined into one write."""
    counters: Counters = field(default_factory=Counters)
    random: Random = field(default_factory=Random)
    backlog: int = 0
    """Bytes said and not yet on their way."""
    parked: int = 0
    _streams: int = 0
    _queued: deque[Room] = field(default_factory=deque)
    _sweeps: deque[Sweep] = field(default_factory=deque)
    _wheel: Wheel[Stream] = field(default_factory=Wheel)
    _now: float = 0.0
    _beat: tuple[int, bytes] = (-1, b"")
    ends: Ends = field(default_factory=Ends)

    def __post_init__(self) -> None:
        self._rooms = Rooms(self.head, self.ring_bytes, self.rings_bytes)
        self.on_work: Callable[[], None] = lambda: None
        """Called when there is work for `step` after there was none."""

    @property
    def connections(self) -> int:
        return self._streams

    @property
    def is_behind(self) -> bool:
        """Whether more is said than can be written now."""
        return self.backlog > BACKLOG_BYTES

    @property
    def is_giving_out(self) -> bool:
        """Whether a sweep is under way."""
        return bool(self._sweeps)

    def ring_of(self, tenant_id: UUID) -> Ring:
        """The tenant's ring; one that is new holds nothing, and nothing was missed since this process reads."""
        return self._rooms.of(tenant_id).ring

    def tails_of(self, tenant_id: UUID) -> dict[str, int]:
        """Audience → number of its last event up to the head, as far as known; what is added is kept."""
        return self._rooms.of(tenant_id).tails

    def all_streams(self) -> list[Stream]:
        return [stream for room in self._rooms for stream in room.devices.values()]

    def streams_of(self, tenant_id: UUID) -> list[Stream]:
        room = self._rooms.find(tenant_id)
        return list(room.devices.values()) if room else []

    def begin(self, epoch: str, head: int) -> None:
        """Another stream is read from here on: nothing of the last one counts, and everybody comes back."""
        for stream in self.all_streams():
            self.say_bye(stream, "epoch_changed")
        self.wake_all()
        self._rooms = Rooms(head, self.ring_bytes, self.rings_bytes)
        self._queued.clear()
        self._sweeps.clear()
        self.ends = Ends()
        self.epoch, self.head, self.backlog = epoch, head, 0
        self._beat = (-1, b"")

    def take(self, tenant_id: UUID, entry: Entry, now: float) -> None:
        """The next message of the feed: into the ring, and on its way to everyone it is for."""
        self._now = now
        self.head = entry.seq
        room = self._rooms.of(tenant_id)
        room.tails[entry.audience] = entry.n
        if not self._rooms.append(room, entry):
            self._mend(room)
        if entry.ends:
            self.ends.remember(tenant_id, entry)
        for watch in room.watches:
            if entry.audience in watch.audiences:
                watch.wake()
        if room.devices:
            room.window.append(entry)
            self.backlog += len(entry.frame)
            self._queue(room, now + self.join_seconds)
        elif room.is_settled:
            room.swept = entry.seq

    def step(self, now: float) -> float | None:
        """Write a slice of what is waiting. Answers in how many seconds to come again; None: when `on_work` says so."""
        self._now = now
        while self._queued and self._queued[0].due <= now:
            room = self._queued.popleft()
            entries = room.cut_window(self.write_bytes)
            self.backlog -= sum(len(entry.frame) for entry in entries)
            self._sweeps.append(Sweep(room, entries, room.deliveries(entries)))
        if not self._sweeps:
            return self._next(now)
        sweep = self._sweeps.popleft()
        if self._write_slice(sweep, now):
            self._sweeps.append(sweep)
        else:
            self._finish(sweep, now)
        return self._next(now)

    def _next(self, now: float) -> float | None:
        if self._sweeps:
            return 0.0
        return max(0.0, self._queued[0].due - now) if self._queued else None

    def _queue(self, room: Room, due: float) -> None:
        if room.is_queued:
            return
        room.is_queued, room.due = True, due
        was_idle = not self._queued and not self._sweeps
        self._queued.append(room)
        if was_idle:
            self.on_work()

    def _write_slice(self, sweep: Sweep, now: float) -> bool:
        """False when everybody was served."""
        for _ in range(SLICE):
            delivery = next(sweep.deliveries, None)
            if delivery is None:
                return False
            stream, data = delivery
            if stream.room is sweep.room and stream.position < sweep.entries[-1].seq:
                self._serve(stream, sweep, data, now)
        return True

    def _finish(self, sweep: Sweep, now: float) -> None:
        room = sweep.room
        room.swept = sweep.entries[-1].seq
        room.is_queued = False
        if room.window:
            self._queue(room, max(now, room.due + self.join_seconds))

    def _serve(self, stream: Stream, sweep: Sweep, data: Joined, now: float) -> None:
        if stream.position >= sweep.entries[0].seq:  # it came in between, and has a part of it already
            rest = (entry for entry in sweep.entries if entry.seq > stream.position)
            data = joined(rest, stream.audiences, stream.session)
        if not data.count:
            return
        if stream.parked_at is None and stream.sink.unsent() > self.unsent_bytes:
            stream.position = max(stream.position, sweep.room.swept)
            self._park(stream, now)
        if stream.parked_at is None:
            stream.sink.write(data.data)
            stream.position = sweep.entries[-1].seq
            self.counters.delivered += data.count
        if data.ends:
            self._let_go(stream)

    def word_for(self, stream: Stream) -> tuple[str, str] | None:
        """(word, reason) for one that the door let in a while ago: what ends it, if what the door saw has changed since."""
        return self.ends.since(stream.tenant_id, stream.audiences, stream.session, stream.admitted_at)

    def passed(self, seq: int) -> None:
        """A message that is for nobody here; the head moves on."""
        self.head = max(self.head, seq)

    def attach(self, stream: Stream, seq: int, now: float) -> None:
        """From here on the stream is served: first what the ring holds after `seq`, then live; one loop turn, no gap.

        The device's earlier stream ends; of two that overtook each other the one of the later generation stays. So
        ends the stream itself if it may be somebody else's by now. The ring must cover `seq`.
        """
        self._now = now
        if (found := self.word_for(stream)) is not None:
            word, reason = found
            self._end(stream, control_frame(word, {"reason": reason}))
            return
        room = self._rooms.of(stream.tenant_id)
        earlier = room.devices.get(stream.device_id)
        if earlier is not None and earlier.generation > stream.generation:
            self._end(stream, replaced(stream))
            return
        if earlier is not None:
            self._replace(earlier)
        stream.position = seq
        room.add(stream)
        self._streams += 1
        stream.beats_at = now + self._beat_wait()
        self._schedule(stream, now)
        self._catch_up(stream, now)

    def watch(self, tenant_id: UUID, watch: Watch) -> None:
        """Until `unwatch`, or until another stream is read."""
        self._rooms.of(tenant_id).watches.add(watch)

    def unwatch(self, tenant_id: UUID, watch: Watch) -> None:
        self._rooms.of(tenant_id).watches.discard(watch)

    def wake_all(self) -> None:
        for room in self._rooms:
            for watch in room.watches:
                watch.wake()

    def evict(self, tenant_id: UUID, device_id: UUID, generation: int) -> None:
        """The device has opened a stream of that generation on another process: an older one here ends."""
        room = self._rooms.find(tenant_id)
        stream = room.devices.get(device_id) if room else None
        if stream is not None and stream.generation < generation:
            self._replace(stream)

    def _replace(self, stream: Stream) -> None:
        self.counters.replaced += 1
        self._let_go(stream, replaced(stream))

    def detach(self, stream: Stream) -> None:
        """The connection is gone, or is about to be: forget it; a newer one of the same device stays."""
        self._wheel.remove(stream, stream.slot)
        if stream.room is None:
            return
        stream.room.remove(stream)
        self._streams -= 1
        self.parked -= stream.parked_at is not None

    def drained(self, stream: Stream, now: float) -> None:
        """A parked reader has taken what was sent: go on from its cursor, or let it come back, which replays the rest."""
        self._now = now
        if stream.parked_at is None or stream.room is None:
            return
        self.parked -= 1
        stream.parked_at = None
        if stream.room.ring.covers(stream.position):
            self._catch_up(stream, now)
        else:
            self.say_bye(stream, "behind")

    def tick(self, now: float) -> bool:
        """Heartbeats, ends of life, readers that do not read. True when there is more to do at once."""
        self._now = now
        for count, stream in enumerate(self._wheel.due(now), 1):
            self._visit(stream, now)
            if count >= SLICE:
                return True
        return False

    def _visit(self, stream: Stream, now: float) -> None:
        if stream.room is None:  # it was to end, and its reader does not take the last word
            stream.sink.abort()
            return
        if stream.parked_at is not None and now - stream.parked_at >= self.parked_seconds:
            self.counters.dropped += 1
            self._let_go(stream)
            return
        if now >= stream.ends_at:
            self.say_bye(stream, stream.last_word)
            return
        if now >= stream.warns_at:
            stream.warns_at = float("inf")
            left = round(stream.ends_at - now)
            self.tell(stream, "session.expiring", {"exp": stream.exp, "closes_in": left, "reason": "token"})
        if now >= stream.beats_at:
            stream.beats_at = now + self._beat_wait()
            self._say_beat(stream)
        self._schedule(stream, now)

    def _schedule(self, stream: Stream, now: float) -> None:
        at = min(stream.beats_at, stream.warns_at, stream.ends_at)
        if stream.parked_at is not None:
            at = min(at, stream.parked_at + self.parked_seconds)
        stream.slot = self._wheel.put(stream, at, now)

    def _beat_wait(self) -> float:
        return self.beat_seconds * self.random.uniform(1 - JITTER, 1 + JITTER)

    def _say_beat(self, stream: Stream) -> None:
        """With an id: everything for you up to here was written."""
        room = stream.room
        if room is None or stream.parked_at is not None or stream.sink.unsent() > self.unsent_bytes:
            return
        seq = self.head if room.is_settled else max(stream.position, room.swept)
        if self._beat[0] != seq:
            self._beat = (seq, control_frame("hb", {"head": seq}, Cursor(self.epoch, seq)))
        stream.position = seq
        stream.sink.write(self._beat[1])

    def tell(self, stream: Stream, word: str, about: dict[str, object]) -> None:
        """A control event: of the state as it is now, so without an id and never stored. A parked reader hears none."""
        if stream.room is not None and stream.parked_at is None:
            stream.sink.write(control_frame(word, about))

    def say_bye(self, stream: Stream, reason: str, before: bytes = b"") -> None:
        """End a stream in order; it comes back with its cursor."""
        self._let_go(stream, before + control_frame("bye", {"reason": reason}))

    def _let_go(self, stream: Stream, word: bytes = b"") -> None:
        """A parked reader takes no last word, and one that never reads again would keep its connection for ever."""
        if stream.room is None:
            return
        is_parked = stream.parked_at is not None
        self.detach(stream)
        if is_parked:
            stream.sink.abort()
        else:
            self._end(stream, word)

    def _end(self, stream: Stream, word: bytes) -> None:
        """In order, with patience for a reader that is slow and an end of it."""
        if word:
            stream.sink.write(word)
        stream.sink.finish()
        stream.slot = self._wheel.put(stream, self._now + self.parked_seconds, self._now)

    def _park(self, stream: Stream, now: float) -> None:
        stream.parked_at = now
        self.parked += 1
        self.counters.parked += 1
        self._wheel.remove(stream, stream.slot)
        self._schedule(stream, now)

    def _catch_up(self, stream: Stream, now: float) -> None:
        """From the ring; what ends its hearers does so only if the door had not seen it yet."""
        frames: list[bytes] = []
        size, position, sink = 0, stream.position, stream.sink
        for entry in self.ring_of(stream.tenant_id).after(stream.position):
            if stream.hears(entry):
                frames.append(entry.frame)
                size += len(entry.frame)
                self.counters.delivered += 1
            position = entry.seq
            if entry.seq > stream.admitted_at and entry.ends_in(stream.session) and stream.hears(entry):
                self._let_go(stream, b"".join([*frames, last_word(entry)]))
                return
            if size >= self.write_bytes:
                sink.write(b"".join(frames))
                frames, size, stream.position = [], 0, position
                if sink.unsent() > self.unsent_bytes:
                    self._park(stream, now)
                    return
        if frames:
            sink.write(b"".join(frames))
        stream.position = max(position, self.head)

    def _mend(self, room: Room) -> None:
        """Something of this tenant was not read: its streams come back, and are given it from the stream itself."""
        for stream in list(room.devices.values()):
            self.say_bye(stream, "gap")
