"""Opening a stream: where the client stands, what it missed, and the join with what is live: no gap, no repetition."""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

from chassis.buckets import Buckets
from chassis.bus import Bus
from chassis.errors import Transient
from services.bff.bounds import COLD_REPLAYS
from services.bff.controls import Controls
from services.bff.door import Door, Guest
from services.bff.evictions import Evictions
from services.bff.feed_reader import FeedReader
from services.bff.frames import PADDING, Cursor, control_frame, retry_frame
from services.bff.hub import Sink, Stream
from services.bff.limits import Admission, share
from services.bff.past import first_kept, pages_of
from services.bff.ring import Entry, Ring
from services.bff.sessions.desks import Desks, Seat
from services.bff.settings import Settings
from services.bff.tails import Tails
from services.bff.turnstile import Turnstile

BEFORE_EXPIRY_SECONDS = 30.0
"""A stream ends so long before its token, and says so as long before that."""
LIFE_SPREAD = 0.2
LOOK_AGAIN_SECONDS = 0.05
SNAPSHOT = "/bff/backoffice/v1/bootstrap"


class NotHere(Transient):
    """This process cannot serve the client now; another one, or this one later, can."""


class Streams:
    """The hub with what opening needs: the door, the bus for the past, the limits."""

    def __init__(
        self,
        door: Door,
        desks: Desks,
        bus: Bus,
        reader: FeedReader,
        tails: Tails,
        controls: Controls,
        settings: Settings,
    ) -> None:
        self.hub = hub = reader.hub
        self.door = door
        self.desks = desks
        self.controls = controls
        self.origin = settings.stream_origin
        self.evictions = Evictions(bus, hub)
        self.admission = Admission(
            settings.max_streams,
            Buckets(settings.attach_rate, round(settings.attach_rate) or 1, 1),
            settings.max_openings,
        )
        self.turnstile = Turnstile(lambda: hub.is_giving_out)
        self.loop = asyncio.get_running_loop()
        self._bus = bus
        self._reader = reader
        self.tails = tails
        self._settings = settings
        self.is_draining = False
        self._cold = asyncio.Semaphore(COLD_REPLAYS)
        self._cold_replays = 0

    def status(self) -> dict[str, object]:
        """For health: streams now, and what happened to them since the process began."""
        hub, counted = self.hub, self.hub.counters
        return {
            "open": hub.connections,
            "opening": self.admission.opening,
            "parked": hub.parked,
            "unwritten_bytes": hub.backlog,
            "since_start": {
                "delivered": counted.delivered,
                "parked": counted.parked,
                "dropped": counted.dropped,
                "replaced": counted.replaced,
                "cold_replays": self._cold_replays,
            },
        }

    def turns_away(self) -> bool:
        """Whether one more may not come in now; one that may is counted."""
        return self.admission.refusal(self.hub.connections, self.loop.time()) is not None

    def new_stream(
        self, guest: Guest, seat: Seat, audiences: frozenset[str], sink: Sink, admitted_at: int
    ) -> Stream:
        """One that was admitted when the feed stood at `admitted_at`; its life is spread and ends before its token."""
        life = self._settings.stream_life * random.uniform(1 - LIFE_SPREAD, 1 + LIFE_SPREAD)  # noqa: S311  # spreads
        exp = guest.claims.expires_at
        left = max(1.0, exp - time.time() - BEFORE_EXPIRY_SECONDS)
        now = self.loop.time()
        is_short = left < life
        stream = Stream(
            guest.tenant_id,
            guest.device_id,
            audiences,
            sink,
            ends_at=now + min(life, left),
            warns_at=now + left - BEFORE_EXPIRY_SECONDS if is_short else float("inf"),
            last_word="token" if is_short else "renew",
            admitted_at=admitted_at,
            generation=time.time_ns() // 1000,
            session=seat.session,
        )
        stream.exp, stream.app = exp, seat.app
        return stream

    def where(self) -> Cursor:
        """Where the feed stands; to be asked before the door is."""
        return Cursor(self.hub.epoch, self.hub.head)

    async def begin(
        self, stream: Stream, cursor: str, head: bytes, epoch: str, on_answer: Callable[[], None]
    ) -> None:
        """Answer (`on_answer` is called), replay and attach; nothing is awaited after that.

        `epoch` was the feed's before the door looked, as `stream.admitted_at` was its head. Raises NotHere when this
        process is behind the client or not reading yet.
        """
        self.check_same(epoch)
        start, reset = await self.start_of(stream.tenant_id, cursor)
        last = await self.tails.as_of(stream.tenant_id, stream.audiences, start)
        self.check_same(epoch)
        on_answer()
        stream.sink.write(head + self._opening(stream, start, reset, last))
        try:
            start = await self._replay(stream, start, epoch)
        except BaseException:
            stream.sink.abort()  # the answer has begun, a problem has no place in it; the client has its cursor
            raise
        # From the last test of what the ring covers to the end of `attach` nothing is awaited: it gets nothing meanwhile.
        self.hub.attach(stream, start, self.loop.time())
        self.controls.check(stream)

    def check_same(self, epoch: str) -> None:
        """Neither did the process begin to stop nor the feed begin anew."""
        if self.is_draining or self.hub.epoch != epoch:
            raise NotHere("this process stops, or reads another feed now")

    async def start_of(self, tenant_id: UUID, cursor: str) -> tuple[int, str | None]:
        """(sequence to go on behind, reason of a reset). Raises NotHere, FeedNotRead, BusUnavailable."""
        self._reader.check_opened()
        asked = Cursor.parse(cursor)
        if asked is None:
            return self.hub.head, "cursor_unreadable" if cursor else None
        if asked.epoch != self.hub.epoch:
            return self.hub.head, "epoch_changed"
        deadline = time.monotonic() + self._settings.wait_behind
        while asked.seq > self.hub.head:
            if time.monotonic() > deadline:
                raise NotHere("this process is behind you; try another one")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        is_in_ring = self.hub.ring_of(tenant_id).covers(asked.seq)
        if not is_in_ring and asked.seq < await first_kept(self._bus, asked.epoch) - 1:
            return self.hub.head, "too_old"
        return asked.seq, None

    def _opening(self, stream: Stream, start: int, reset: str | None, last: dict[str, int]) -> bytes:
        spread = random.randint(1000, 5000)  # noqa: S311  # spreads reconnects
        hello: dict[str, object] = {
            "conn": uuid.uuid4().hex,
            "generation": stream.generation,
            "epoch": self.hub.epoch,
            "head": self.hub.head,
            "exp": stream.exp,
            "hb": self.hub.beat_seconds,
            "limits": {"frame": 65536, "unsent": self.hub.unsent_bytes},
            "last": last,
        }
        frames = retry_frame(spread) + PADDING
        if reset is not None:
            frames += control_frame("reset", {"reason": reset, "snapshot": SNAPSHOT})
        return frames + control_frame("hello", hello, Cursor(self.hub.epoch, start))

    async def _replay(self, stream: Stream, start: int, epoch: str) -> int:
        """Send what lies between the cursor and the ring, as fast as it is taken; answers where the client stands then."""
        ring = self.hub.ring_of(stream.tenant_id)
        while not ring.covers(start) and self.hub.word_for(stream) is None:
            await self._drained(stream)
            async with self._cold:
                start = await self._replay_some(stream, start, ring)
            self.check_same(epoch)
        return start

    async def _replay_some(self, stream: Stream, start: int, ring: Ring) -> int:
        """Pages until the ring goes on, the reader is slow, or what the door saw has changed."""
        self._cold_replays += 1
        async with contextlib.aclosing(self.past(stream.tenant_id, start)) as pages:
            async for entries in pages:
                if self.hub.word_for(stream) is not None:
                    return start
                stream.sink.write(b"".join(entry.frame for entry in entries if stream.hears(entry)))
                start = entries[-1].seq
                if stream.sink.unsent() > self.hub.unsent_bytes:
                    return start
        return max(start, ring.floor)

    def past(self, tenant_id: UUID, start: int) -> AsyncGenerator[list[Entry], None]:
        """The tenant's events behind `start` up to where its ring begins."""
        return pages_of(self._bus, self.hub.epoch, tenant_id, start, self.hub.ring_of(tenant_id))

    async def _drained(self, stream: Stream) -> None:
        """A slow reader waits outside, where it holds up nobody else's replay, and not for ever."""
        deadline = time.monotonic() + self.hub.parked_seconds
        while stream.sink.unsent() > self.hub.unsent_bytes:
            if time.monotonic() > deadline:
                raise NotHere("the reader does not take what it asked for")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def stop_admitting(self) -> None:
        """From here on whoever comes is sent elsewhere; who waits for news is answered."""
        self.is_draining = True
        self.hub.wake_all()

    def drain(self, passed: float, left: float) -> int:
        """Some of the streams go elsewhere, all of them within `left` seconds; how many are still here.

        What they are told to wait is spread, so that they do not come together where they go.
        """
        streams = self.hub.all_streams()
        for stream in random.sample(streams, share(len(streams), passed, left)):
            wait = random.randint(500, self._settings.drain_retry_ms)  # noqa: S311  # spreads reconnects
            self.hub.say_bye(stream, "drain", retry_frame(wait))
        return self.hub.connections
