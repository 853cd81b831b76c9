"""One tenant in the hub: its ring, its streams by what they hear, and what was said but not written yet. No I/O."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from services.bff.audiences import is_personal
from services.bff.frames import control_frame
from services.bff.ring import Entry, Ring


class Sink(Protocol):
    """A transport, as far as the hub uses it."""

    def write(self, data: bytes) -> None: ...

    def unsent(self) -> int: ...

    def finish(self) -> None: ...

    def abort(self) -> None: ...


class Stream:
    """One connection: who it is for, and how far it was served. There are many: every attribute counts.

    `ends_at` and `warns_at` are seconds of the hub's clock: when it is told to come back (`last_word` says why) and
    before that, that it soon will be. `admitted_at` is where the feed stood before the door looked, `generation`
    orders the streams of a device over all processes, `exp` is when its token ends (seconds of the epoch, 0: unknown),
    `session` the desk session in which it was opened (empty: outside of any), `app` the desktop's platform and version
    (empty where they are not known).
    """

    __slots__ = (
        "admitted_at",
        "app",
        "beats_at",
        "device_id",
        "ends_at",
        "exp",
        "generation",
        "last_word",
        "own",
        "parked_at",
        "position",
        "room",
        "session",
        "shared",
        "sink",
        "slot",
        "tenant_id",
        "warns_at",
    )

    def __init__(
        self,
        tenant_id: UUID,
        device_id: UUID,
        audiences: Iterable[str],
        sink: Sink,
        *,
        ends_at: float = float("inf"),
        warns_at: float = float("inf"),
        last_word: str = "renew",
        admitted_at: int = 0,
        generation: int = 0,
        session: str = "",
    ) -> None:
        self.tenant_id = tenant_id
        self.device_id = device_id
        told = sorted(audiences)
        self.shared = frozenset(name for name in told if not is_personal(name))
        self.own = tuple(name for name in told if is_personal(name))
        self.sink = sink
        self.ends_at = ends_at
        self.warns_at = warns_at
        self.last_word = last_word
        self.admitted_at = admitted_at
        self.generation = generation
        self.exp = 0
        self.session = session
        self.app = ("", "")
        self.position = 0
        """Everything for it up to here was written, or was before its time."""
        self.parked_at: float | None = None
        self.beats_at = 0.0
        self.slot = 0
        self.room: Room | None = None
        """None before it is attached and after it was let go."""

    @property
    def audiences(self) -> frozenset[str]:
        return self.shared.union(self.own)

    def hears(self, entry: Entry) -> bool:
        return entry.audience in self.shared or entry.audience in self.own


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Somebody who is not given anything, but woken when something is said to one of its audiences, or all ends."""

    audiences: frozenset[str]
    wake: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Joined:
    """Frames for one write. `ends`: the last of them is the last word of this stream."""

    data: bytes
    count: int
    ends: bool


def joined(entries: Iterable[Entry], audiences: frozenset[str], session: str = "") -> Joined:
    """What is for `audiences`, up to the first event that ends its hearers in that session."""
    frames: list[bytes] = []
    for entry in entries:
        if entry.audience in audiences:
            frames.append(entry.frame)
            if entry.ends_in(session):
                return Joined(b"".join([*frames, last_word(entry)]), len(frames), ends=True)
    return Joined(b"".join(frames), len(frames), ends=False)


def last_word(entry: Entry) -> bytes:
    """The control event that goes behind an event which ends its hearers."""
    return control_frame(entry.ends, {"reason": entry.reason or entry.ends})


def replaced(stream: Stream) -> bytes:
    """The last word to a stream in whose place there is a newer one; it names the one that ends."""
    return control_frame("bye", {"reason": "replaced", "generation": stream.generation})


@dataclass(eq=False, slots=True)
class Room:
    """A tenant. Streams with the same audiences share one set of them, and the bytes that are joined for it."""

    tenant_id: UUID
    ring: Ring
    devices: dict[UUID, Stream] = field(default_factory=dict)
    tails: dict[str, int] = field(default_factory=dict)
    """Audience → number of its last event up to the head."""
    watches: set[Watch] = field(default_factory=set)
    window: list[Entry] = field(default_factory=list)
    """Said, and not yet given to the streams."""
    swept: int = 0
    """Everything up to here was given to every stream that was there and is not parked."""
    is_queued: bool = False
    due: float = 0.0
    _groups: dict[frozenset[str], set[Stream]] = field(default_factory=dict)
    _own: dict[str, tuple[Stream, ...]] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is waiting to be written."""
        return not self.is_queued

    def add(self, stream: Stream) -> None:
        stream.room = self
        stream.tenant_id = self.tenant_id
        members = self._groups.setdefault(stream.shared, set())
        if members:
            stream.shared = next(iter(members)).shared  # one object for all of them
        members.add(stream)
        for name in stream.own:
            self._own[name] = (*self._own.get(name, ()), stream)
        self.devices[stream.device_id] = stream

    def remove(self, stream: Stream) -> None:
        stream.room = None
        members = self._groups[stream.shared]
        members.discard(stream)
        if not members:
            del self._groups[stream.shared]
        for name in stream.own:
            if rest := tuple(other for other in self._own[name] if other is not stream):
                self._own[name] = rest
            else:
                del self._own[name]
        if self.devices.get(stream.device_id) is stream:
            del self.devices[stream.device_id]

    def cut_window(self, most_bytes: int) -> list[Entry]:
        """The beginning of the window, about as much as one write takes."""
        size = count = 0
        while count < len(self.window) and size < most_bytes:
            size += len(self.window[count].frame)
            count += 1
        cut, self.window = self.window[:count], self.window[count:]
        return cut

    def deliveries(self, entries: Sequence[Entry]) -> Iterator[tuple[Stream, Joined]]:
        """Who is owed what of `entries`; those who come or go meanwhile are the caller's to recognise.

        Nobody without an audience of theirs among them is looked at.
        """
        said = {entry.audience for entry in entries}
        for stream in {stream for name in said for stream in self._own.get(name, ())}:
            yield stream, joined(entries, stream.audiences, stream.session)
        for shared in list(self._groups):
            if not said.isdisjoint(shared):
                data = joined(entries, shared)
                for stream in list(self._groups.get(shared, ())):
                    yield stream, data


class Rooms:
    """Those of a process. All rings together are bounded; one that is new holds nothing, and nothing was missed for it."""

    def __init__(self, started_at: int, ring_bytes: int, rings_bytes: int) -> None:
        self._started_at = started_at
        self._ring_bytes = ring_bytes
        self._rings_bytes = rings_bytes
        self._size = 0
        self._rooms: dict[UUID, Room] = {}

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def find(self, tenant_id: UUID) -> Room | None:
        return self._rooms.get(tenant_id)

    def of(self, tenant_id: UUID) -> Room:
        room = self._rooms.get(tenant_id)
        if room is None:
            room = self._rooms[tenant_id] = Room(tenant_id, Ring(self._started_at, self._ring_bytes))
        return room

    def append(self, room: Room, entry: Entry) -> bool:
        """Into the room's ring; False when it does not follow the last one there."""
        before = room.ring.size
        follows = room.ring.append(entry)
        self._size += room.ring.size - before
        while self._size > self._rings_bytes:
            self._shrink_largest()
        return follows

    def _shrink_largest(self) -> None:
        """By a good part, so that it is seldom."""
        ring = max((room.ring for room in self), key=lambda ring: ring.size)
        before = ring.size
        ring.shrink(before * 3 // 4)
        self._size -= before - ring.size
