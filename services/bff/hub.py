"""Who is connected, and what each is owed. No task, queue or timer per connection; no I/O but `write` on a sink.

Every connection receives strictly increasing stream sequences over its audiences. A slow one is parked: nothing more is
buffered for it, its cursor is kept, and it goes on from the ring when it has drained.
"""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from services.bff.frames import Cursor, control_frame
from services.bff.ring import Entry, Ring

MOST_ENDS = 10_000
"""So many ends are remembered for those who are just coming in; much more than come in at once."""


class Sink(Protocol):
    """A transport, as far as the hub uses it."""

    def write(self, data: bytes) -> None: ...

    def unsent(self) -> int: ...

    def finish(self) -> None: ...

    def abort(self) -> None: ...


@dataclass(eq=False, slots=True)
class Stream:
    """One connection: who it is for, and how far it was served."""

    tenant_id: UUID
    device_id: UUID
    audiences: frozenset[str]
    sink: Sink
    ends_at: float
    beats_at: float
    admitted_at: int = 0
    """Where the feed stood before the door looked."""
    session: str = ""
    """The desk session in which it was opened; empty outside of any."""
    position: int = 0
    parked_at: float | None = None


@dataclass(slots=True)
class Counters:
    """For health and telemetry."""

    delivered: int = 0
    parked: int = 0
    dropped: int = 0
    replaced: int = 0


@dataclass
class Hub:
    """All streams of this process. Times are seconds of one monotonic clock that the caller reads."""

    epoch: str
    head: int
    ring_bytes: int
    rings_bytes: int
    unsent_bytes: int
    parked_seconds: float
    beat_seconds: float
    counters: Counters = field(default_factory=Counters)
    started_at: int = 0
    tails: dict[tuple[UUID, str], int] = field(default_factory=dict)
    """(tenant, audience) → number of its last event up to the head."""
    _rings: dict[UUID, Ring] = field(default_factory=dict)
    _streams: dict[UUID, set[Stream]] = field(default_factory=lambda: defaultdict(set))
    _devices: dict[tuple[UUID, UUID], Stream] = field(default_factory=dict)
    _parked: set[Stream] = field(default_factory=set)
    _ends: OrderedDict[tuple[UUID, str], Entry] = field(default_factory=OrderedDict)
    """(tenant, audience or session) → the last event that ended its hearers."""
    _ends_floor: int = 0
    """Ends up to here may be forgotten."""

    def __post_init__(self) -> None:
        self.started_at = self.head

    @property
    def connections(self) -> int:
        return len(self._devices)

    def ring_of(self, tenant_id: UUID) -> Ring:
        """The tenant's ring; one that is new holds nothing, and nothing was missed since this process reads."""
        ring = self._rings.get(tenant_id)
        if ring is None:
            ring = self._rings[tenant_id] = Ring(self.started_at, self.ring_bytes)
        return ring

    def begin(self, epoch: str, head: int) -> None:
        """Another stream is read from here on: nothing of the last one counts, and everybody comes back."""
        for stream in self.all_streams():
            self.say_bye(stream, "epoch_changed")
        self._rings.clear()
        self.tails.clear()
        self._ends.clear()
        self._ends_floor = 0
        self.epoch, self.head, self.started_at = epoch, head, head

    def take(self, tenant_id: UUID, entry: Entry, now: float) -> None:
        """The next message of the feed: into the ring and to everyone it is for."""
        self.head = entry.seq
        self.tails[(tenant_id, entry.audience)] = entry.n
        self.ring_of(tenant_id).append(entry)
        self._bound_rings()
        for stream in self._streams.get(tenant_id, ()):
            if stream.parked_at is None:
                self._serve(stream, entry, now)
        if entry.ends:
            self._end_hearers(tenant_id, entry)

    def _end_hearers(self, tenant_id: UUID, entry: Entry) -> None:
        """Their audiences or their right to be here changed; whoever comes back is looked at anew by the door."""
        whose = (tenant_id, entry.session or entry.audience)
        self._ends[whose] = entry
        self._ends.move_to_end(whose)
        if len(self._ends) > MOST_ENDS:
            _, forgotten = self._ends.popitem(last=False)
            self._ends_floor = forgotten.seq
        for stream in list(self._streams.get(tenant_id, ())):
            if entry.audience in stream.audiences and entry.session in {"", stream.session}:
                self._let_go(stream, last_word(entry.ends, entry.reason))

    def end_if_outdated(self, stream: Stream) -> None:
        """For one that was just attached: what the door saw of it may have changed before it could hear so."""
        said = [self._ends.get((stream.tenant_id, name)) for name in (*stream.audiences, stream.session)]
        since = [entry for entry in filter(None, said) if entry.seq > stream.admitted_at]
        if since:
            self._let_go(stream, last_word(since[0].ends, since[0].reason))
        elif stream.admitted_at < self._ends_floor:
            self._let_go(stream, last_word("resync", ""))

    def passed(self, seq: int) -> None:
        """A message that is for nobody here; the head moves on."""
        self.head = max(self.head, seq)

    def attach(self, stream: Stream, seq: int, now: float) -> None:
        """From here on the stream is served: first what the ring holds after `seq`, then live; one loop turn, no gap.

        The device's earlier stream ends. The ring must cover `seq`.
        """
        key = (stream.tenant_id, stream.device_id)
        if (earlier := self._devices.get(key)) is not None:
            self.counters.replaced += 1
            self._let_go(earlier, control_frame("bye", {"reason": "replaced"}))
        stream.position = seq
        self._devices[key] = stream
        self._streams[stream.tenant_id].add(stream)
        self._catch_up(stream, now)

    def detach(self, stream: Stream) -> None:
        """Forget a connection; a newer one of the same device stays."""
        self._streams[stream.tenant_id].discard(stream)
        if not self._streams[stream.tenant_id]:
            del self._streams[stream.tenant_id]
        if self._devices.get((stream.tenant_id, stream.device_id)) is stream:
            del self._devices[(stream.tenant_id, stream.device_id)]
        self._parked.discard(stream)

    def drained(self, stream: Stream, now: float) -> None:
        """A parked reader has taken what was sent: go on from its cursor, or let it come back for a cold replay."""
        if stream.parked_at is None:
            return
        self._parked.discard(stream)
        stream.parked_at = None
        if self.ring_of(stream.tenant_id).covers(stream.position):
            self._catch_up(stream, now)
        else:
            self.detach(stream)
            stream.sink.finish()

    def tick(self, now: float) -> None:
        """Called about once a second: heartbeats, ends of life, parked readers that did not drain."""
        for stream in list(self._devices.values()):
            if stream.parked_at is not None:
                if now - stream.parked_at > self.parked_seconds:
                    self.counters.dropped += 1
                    self.detach(stream)
                    stream.sink.abort()
            elif now >= stream.ends_at:
                self.say_bye(stream, "renew")
            elif now >= stream.beats_at:
                stream.beats_at = now + self.beat_seconds
                stream.position = self.head
                stream.sink.write(control_frame("hb", {"head": self.head}, Cursor(self.epoch, self.head)))

    def say_bye(self, stream: Stream, reason: str, before: bytes = b"") -> None:
        """End a stream in order; it comes back with its cursor."""
        self._let_go(stream, before + control_frame("bye", {"reason": reason}))

    def _let_go(self, stream: Stream, last_word: bytes) -> None:
        """A parked reader takes no last word, and one that never reads again would keep its connection for ever."""
        is_parked = stream.parked_at is not None
        self.detach(stream)
        if is_parked:
            stream.sink.abort()
        else:
            stream.sink.write(last_word)
            stream.sink.finish()

    def all_streams(self) -> list[Stream]:
        return list(self._devices.values())

    def _catch_up(self, stream: Stream, now: float) -> None:
        for entry in self.ring_of(stream.tenant_id).after(stream.position):
            if stream.parked_at is not None:
                return
            self._serve(stream, entry, now)

    def _serve(self, stream: Stream, entry: Entry, now: float) -> None:
        if entry.seq <= stream.position:
            return
        if entry.audience in stream.audiences:
            if stream.sink.unsent() > self.unsent_bytes:
                stream.parked_at = now
                self._parked.add(stream)
                self.counters.parked += 1
                return
            stream.sink.write(entry.frame)
            self.counters.delivered += 1
        stream.position = entry.seq

    def _bound_rings(self) -> None:
        """Over the limit for all rings, the largest gives way."""
        if len(self._rings) * self.ring_bytes <= self.rings_bytes:
            return
        while sum(ring.size for ring in self._rings.values()) > self.rings_bytes:
            largest = max(self._rings.values(), key=lambda ring: ring.size)
            largest.drop_oldest()


def last_word(ends: str, reason: str) -> bytes:
    return control_frame(ends, {"reason": reason or ends})
