"""Processes, desks and a feed, all made up and driven by chance: a model that says at every frame what must come.

Nothing here waits or does I/O. What the model leaves out (sockets, NATS, PostgreSQL) is in the integration tests.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from services.bff.frames import Cursor, event_frame
from services.bff.hub import Hub, Stream
from services.bff.ring import Entry

TENANTS = [UUID(int=number) for number in (1, 2, 3)]
SHARED = ["all", "p.harbour", "p.airport", "r.desk", "r.night"]
DESKS = 12
UNSENT = 3_000


@dataclass
class Pipe:
    """A sink: what is written waits until the reader takes it."""

    waiting: bytearray = field(default_factory=bytearray)
    is_over: bool = False
    is_cut: bool = False
    most_waiting: int = 0

    def write(self, data: bytes) -> None:
        assert not self.is_over, "written to after its end"
        self.waiting += data
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def unsent(self) -> int:
        return len(self.waiting)

    def finish(self) -> None:
        assert not self.is_over
        self.is_over = True

    def abort(self) -> None:
        self.is_over = self.is_cut = True
        self.waiting.clear()

    def read(self, most: int) -> bytes:
        taken = bytes(self.waiting[:most])
        del self.waiting[:most]
        return taken


@dataclass
class Log:
    """The feed: what every process reads, in one order."""

    epoch: str = "k0"
    messages: list[tuple[UUID, Entry]] = field(default_factory=list)
    places: dict[UUID, int] = field(default_factory=dict)
    tails: dict[tuple[UUID, str], int] = field(default_factory=dict)
    ends: dict[tuple[UUID, str], list[Entry]] = field(default_factory=dict)
    of_tenant: dict[UUID, list[Entry]] = field(default_factory=lambda: {tenant: [] for tenant in TENANTS})

    def say(self, tenant: UUID, audience: str, size: int, ends: str = "", session: str = "") -> None:
        seq = len(self.messages) + 1
        place = self.places[tenant] = self.places.get(tenant, 0) + 1
        n = self.tails[(tenant, audience)] = self.tails.get((tenant, audience), 0) + 1
        data = b'{"a":"%s","t":"%s","f":"%s"}' % (audience.encode(), str(tenant).encode(), b"x" * size)
        entry = Entry(
            seq, audience, n, event_frame("x", data, Cursor(self.epoch, seq)), ends, "", session, place
        )
        self.messages.append((tenant, entry))
        self.of_tenant[tenant].append(entry)
        if ends:
            self.ends.setdefault((tenant, audience), []).append(entry)

    def end_of(self, desk: "Desk", stream: Stream) -> float:
        """Where the rights with which a desk was admitted have ended."""
        ends = self.ends.get((desk.tenant, f"d.{desk.device.int}"), [])
        later = ends[bisect_right(ends, stream.admitted_at, key=lambda entry: entry.seq) :]
        return next((entry.seq for entry in later if entry.ends_in(stream.session)), float("inf"))

    def after(self, tenant: UUID, seq: int) -> list[Entry]:
        entries = self.of_tenant[tenant]
        return entries[bisect_right(entries, seq, key=lambda entry: entry.seq) :]


@dataclass
class Node:
    """A process: it has read a part of the log, and may be behind the others."""

    hub: Hub
    read: int = 0

    def take(self, log: Log, count: int, now: float) -> None:
        for tenant, entry in log.messages[self.read : self.read + count]:
            self.hub.take(tenant, entry, now)
        self.read = min(self.read + count, len(log.messages))


@dataclass(eq=False)
class Line:
    """One connection: what it is owed is known at every moment."""

    stream: Stream
    pipe: Pipe
    node: Node
    after: int
    """It has received everything for it up to here."""
    owed_from: int = 0
    rest: bytes = b""
    is_ended: bool = False
    is_attached: bool = False
    must_end: bool = False
    got: int = 0


@dataclass(eq=False)
class Desk:
    tenant: UUID
    device: UUID
    shared: set[str]
    cursor: int | None = None
    epoch: str = "k0"
    session: int = 1
    line: Line | None = None

    @property
    def member(self) -> str:
        return f"o.m{self.device.int % 3}"

    def audiences(self) -> frozenset[str]:
        return frozenset({*self.shared, self.member, f"d.{self.device.int}"})


class World:
    """`play` acts at random; every frame that a desk reads is checked when it reads it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # a test's chance
        self.now = 100.0
        self.log = Log()
        self.nodes = [Node(self._new_hub(ring)) for ring in (800, 6_000, 200_000)]
        self.delivered = self.generation = 0
        self.seen = {
            "parked": 0,
            "dropped": 0,
            "cold": 0,
            "replaced": 0,
            "epochs": 0,
            "ended": 0,
            "forged": 0,
        }
        self.desks = [
            Desk(TENANTS[number % 3], UUID(int=100 + number), self._some_audiences())
            for number in range(DESKS)
        ]

    def _new_hub(self, ring_bytes: int) -> Hub:
        return Hub(
            epoch=self.log.epoch,
            head=0,
            ring_bytes=ring_bytes,
            rings_bytes=ring_bytes * 2,
            unsent_bytes=UNSENT,
            parked_seconds=3,
            beat_seconds=2,
            write_bytes=600,
            random=self.random,
        )

    def _some_audiences(self) -> set[str]:
        return {"all", *self.random.sample(SHARED[1:], self.random.randint(0, 4))}

    def play(self, steps: int) -> None:
        acts = [
            (self._say, 30),
            (self._nodes_read, 60),
            (self._sweep, 60),
            (self._read, 90),
            (self._connect, 30),
            (self._attach, 60),
            (self._cut, 2),
            (self._time, 4),
            (self._other_rights, 4),
            (self._evict, 2),
        ]
        chosen = self.random.choices([act for act, _ in acts], [weight for _, weight in acts], k=steps)
        for count, act in enumerate(chosen):
            act()
            if count % 2_000 == 1_999:
                self._new_epoch()
        self._end()

    def _desk(self) -> Desk:
        return self.random.choice(self.desks)

    def _say(self) -> None:
        for _ in range(self.random.choice([1, 3, 30])):
            tenant = self.random.choice(TENANTS)
            desk = self._desk()
            audience = self.random.choice([*SHARED, "all", desk.member, f"d.{desk.device.int}"])
            self.log.say(tenant, audience, self.random.choice([0, 10, 200]))

    def _nodes_read(self) -> None:
        self.random.choice(self.nodes).take(self.log, self.random.choice([1, 5, 50]), self.now)

    def _sweep(self) -> None:
        """One slice, or until there is nothing left to write."""
        hub = self.random.choice(self.nodes).hub
        wait = hub.step(self.now)
        if self.random.random() < 0.5:
            while wait is not None and self.random.random() < 0.9:
                self.now += wait
                wait = hub.step(self.now)

    def _time(self) -> None:
        self.now += self.random.choice([0.01, 0.3, 2.5])
        for node in self.nodes:
            while node.hub.tick(self.now):
                pass

    def _connect(self) -> None:
        """To any process, with the own cursor, none, an old one or one that was made up."""
        desk = self._desk()
        if desk.line is not None and self.random.random() < 0.8:
            return
        self._leave(desk)
        node = self.random.choice(self.nodes)
        hub = node.hub
        start = desk.cursor if desk.epoch == hub.epoch else None
        if start is None or self.random.random() < 0.1:
            self.seen["forged"] += start is not None
            start = self.random.choice([0, hub.head, self.random.randint(0, hub.head)])
        if start > hub.head:
            return  # this process is behind: sent elsewhere
        self.generation += 1
        pipe = Pipe()
        stream = Stream(
            desk.tenant,
            desk.device,
            desk.audiences(),
            pipe,
            ends_at=self.now + self.random.uniform(1, 60),
            admitted_at=self.random.randint(max(0, hub.head - 20), hub.head),
            generation=self.generation,
            session=f"s{desk.session}",
        )
        desk.line = Line(stream, pipe, node, start, start)
        desk.cursor, desk.epoch = start, hub.epoch

    def _attach(self) -> None:
        """Some time after it was admitted; before that, from the log, as much of the cold past as it likes."""
        line = self._desk().line
        if line is None or line.is_attached or line.pipe.is_over:
            return
        hub, stream = line.node.hub, line.stream
        ring = hub.ring_of(stream.tenant_id)
        if not ring.covers(line.owed_from):
            self.seen["cold"] += 1
            self._replay(line, ring.floor)
        if ring.covers(line.owed_from):
            line.is_attached = True
            hub.attach(stream, line.owed_from, self.now)

    def _replay(self, line: Line, until: int) -> None:
        for entry in self.log.after(line.stream.tenant_id, line.owed_from)[: self.random.randint(1, 30)]:
            if entry.seq > until or line.pipe.unsent() > UNSENT or line.node.hub.word_for(line.stream):
                return
            if line.stream.hears(entry):
                line.pipe.write(entry.frame)
            line.owed_from = entry.seq
        if not any(entry.seq <= until for entry in self.log.after(line.stream.tenant_id, line.owed_from)):
            line.owed_from = until

    def _read(self) -> None:
        desk = self._desk()
        if desk.line is not None:
            self._take(desk, desk.line, self.random.choice([1, 40, 10_000]))

    def _take(self, desk: Desk, line: Line, most: int) -> None:
        data = line.rest + line.pipe.read(most)
        *frames, line.rest = data.split(b"\n\n")
        for frame in frames:
            self._check(desk, line, frame)
        if line.pipe.unsent() == 0:
            if line.pipe.is_over:
                self._leave(desk)
            elif line.is_attached:
                line.node.hub.drained(line.stream, self.now)

    def _check(self, desk: Desk, line: Line, frame: bytes) -> None:
        """The heart: this frame is the next one that is owed, or a control event that claims no more than is true."""
        assert not line.is_ended, frame
        fields = dict(part.split(b": ", 1) for part in frame.split(b"\n"))
        kind = fields[b"event"].decode()
        if kind not in {"x", "hb"}:
            line.is_ended = True
            self.seen["ended"] += kind == "resync"
            return
        epoch, _, number = fields[b"id"].decode().rpartition("-")
        seq = int(number)
        assert epoch == line.node.hub.epoch or line.pipe.is_over
        entries = self.log.after(line.stream.tenant_id, line.after)
        owed = next((entry for entry in entries if line.stream.hears(entry)), None)
        if kind == "hb":
            assert seq >= line.after
            assert owed is None or owed.seq > seq, "a beat claims what was not written"
        else:
            assert owed is not None
            assert not line.must_end, "served after what ends it"
            line.must_end = owed.ends_in(line.stream.session) and owed.seq > line.stream.admitted_at
            assert seq <= self.log.end_of(desk, line.stream), "rights that ended are still served"
            assert owed.frame == frame + b"\n\n", (owed.frame, frame)
            line.got += 1
            self.delivered += 1
        line.after = desk.cursor = seq

    def _cut(self) -> None:
        """The connection breaks at some byte: what was not read is lost."""
        desk = self._desk()
        if desk.line is not None:
            self._take(desk, desk.line, self.random.randint(0, 500))
            self._leave(desk)

    def _leave(self, desk: Desk) -> None:
        if desk.line is not None:
            line, desk.line = desk.line, None
            assert line.pipe.most_waiting < UNSENT + 2_000
            line.node.hub.detach(line.stream)
            line.pipe.is_over = True
            self.seen["dropped"] += line.pipe.is_cut

    def _other_rights(self) -> None:
        """Its audiences change, or its session ends: who hears of it is ended, and comes back as who it is now."""
        desk, session = self._desk(), ""
        if self.random.random() < 0.5:
            desk.shared = self._some_audiences()
        else:  # its desk session ends, or one that it no longer has: then its stream goes on
            session = f"s{desk.session - self.random.choice([0, 0, 1])}"
            desk.session += session == f"s{desk.session}"
        self.log.say(desk.tenant, f"d.{desk.device.int}", 0, "resync", session)

    def _evict(self) -> None:
        desk = self._desk()
        if desk.line is not None:
            newer = desk.line.stream.generation + self.random.choice([0, 1])
            desk.line.node.hub.evict(desk.tenant, desk.device, newer)

    def _new_epoch(self) -> None:
        """The feed is lost and begins anew; everybody is told, and what is still on its way is of the old one."""
        for node in self.nodes:
            self.seen["parked"] += node.hub.counters.parked
            self.seen["replaced"] += node.hub.counters.replaced
            node.hub.counters.parked = node.hub.counters.replaced = 0
        for desk in self.desks:
            if desk.line is not None:
                self._leave(desk)
        self.seen["epochs"] += 1
        self.log = Log(epoch=f"k{self.seen['epochs']}")
        for node in self.nodes:
            node.hub.begin(self.log.epoch, 0)
            node.read = 0
            assert node.hub.connections == node.hub.parked == node.hub.backlog == 0

    def _end(self) -> None:
        """Everybody comes back and reads: then all that is owed has come."""
        for node in self.nodes:
            node.take(self.log, len(self.log.messages), self.now)
        for desk in self.desks:
            self._settle(desk)

    def _settle(self, desk: Desk) -> None:
        for _ in range(10_000):
            if desk.line is None or desk.line.is_ended:
                self._leave(desk)
                self._connect_for_good(desk)
            line = desk.line
            assert line is not None
            self._attach_now(line)
            while (wait := line.node.hub.step(self.now)) is not None:
                self.now += wait
            self._take(desk, line, 100_000)
            owed = [e for e in self.log.after(desk.tenant, line.after) if line.stream.hears(e)]
            if desk.line is line and line.stream.room is not None and not owed and not line.pipe.unsent():
                return
        raise AssertionError("never comes to an end")

    def _connect_for_good(self, desk: Desk) -> None:
        while desk.line is None:
            self._connect_of(desk)

    def _connect_of(self, desk: Desk) -> None:
        desks, self.desks = self.desks, [desk]
        self._connect()
        self.desks = desks

    def _attach_now(self, line: Line) -> None:
        desks, self.desks = self.desks, [desk for desk in self.desks if desk.line is line]
        self._attach()
        self.desks = desks
