"""Opening a stream: where the client stands, what it missed, and the join with what is live: no gap, no repetition."""

import asyncio
import random
import time
import uuid
from uuid import UUID

from chassis.bus import Bus
from chassis.errors import Transient
from services.bff.bounds import COLD_REPLAYS, DISABLED_SECONDS
from services.bff.door import KILL_SWITCH, Door
from services.bff.feed_reader import FeedReader, first_kept, past_of
from services.bff.frames import PADDING, Cursor, control_frame, retry_frame
from services.bff.hub import Hub, Stream
from services.bff.sessions.desks import Desks
from services.bff.settings import Settings
from services.bff.tails import Tails

BEFORE_EXPIRY_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 0.05


class NotHere(Transient):
    """This process cannot serve the client now; another one, or this one later, can."""


class Streams:
    """The hub with what opening needs: the door, the bus for the past, the limits."""

    def __init__(
        self,
        hub: Hub,
        door: Door,
        desks: Desks,
        bus: Bus,
        reader: FeedReader,
        tails: Tails,
        settings: Settings,
    ) -> None:
        self.hub = hub
        self.door = door
        self.desks = desks
        self.origin = settings.stream_origin
        self._bus = bus
        self._reader = reader
        self._tails = tails
        self._settings = settings
        self._is_draining = False
        self._cold = asyncio.Semaphore(COLD_REPLAYS)

    def life_of(self, token_expires_at: int) -> float:
        """Seconds: until half a minute before the token ends, at most a spread life."""
        life = self._settings.stream_life * random.uniform(0.75, 1.25)  # noqa: S311  # spreads reconnects
        return max(1.0, min(life, token_expires_at - time.time() - BEFORE_EXPIRY_SECONDS))

    async def begin(self, stream: Stream, cursor: str, head: bytes, epoch: str) -> None:
        """Answer, replay and attach. Raises NotHere when this process is full, behind the client, or not reading yet.

        `epoch` was the feed's before the door looked, as `stream.admitted_at` was its head.
        """
        self._check_same(epoch)
        self._reader.check_opened()
        if self.hub.connections >= self._settings.max_streams:
            raise NotHere("this process has as many streams as it may")
        asked = Cursor.parse(cursor) if cursor else None
        start, reset = await self._start_of(stream.tenant_id, asked, has_cursor=bool(cursor))
        last = await self._tails.as_of(stream.tenant_id, stream.audiences, start)
        stream.sink.write(head + self._opening(start, reset, last))
        loop = asyncio.get_running_loop()
        ring = self.hub.ring_of(stream.tenant_id)
        try:
            while not ring.covers(start):
                await self._drained(stream)
                async with self._cold:
                    start = await self._replay_cold(stream, start, ring.floor)
            self._check_same(epoch)
        except Exception:
            stream.sink.abort()  # the answer has begun, a problem has no place in it; the client has its cursor
            raise
        # From the test of `covers` to the end of `attach` nothing is awaited: what the ring gets meanwhile is nothing.
        self.hub.attach(stream, start, loop.time())
        # It was admitted a while ago.
        self._end_if_disabled(stream)
        self.hub.end_if_outdated(stream)

    def _check_same(self, epoch: str) -> None:
        """Neither did the process begin to stop nor the feed begin anew."""
        if self._is_draining or self.hub.epoch != epoch:
            raise NotHere("this process stops, or reads another feed now")

    async def _start_of(
        self, tenant_id: UUID, asked: Cursor | None, *, has_cursor: bool
    ) -> tuple[int, str | None]:
        """(sequence to go on behind, reason of a reset)."""
        if asked is None:
            return self.hub.head, "cursor_unreadable" if has_cursor else None
        if asked.epoch != self.hub.epoch:
            return self.hub.head, "epoch_changed"
        deadline = time.monotonic() + self._settings.wait_behind
        while asked.seq > self.hub.head:
            if time.monotonic() > deadline:
                raise NotHere("this process is behind you; try another one")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        is_in_ring = self.hub.ring_of(tenant_id).covers(asked.seq)
        if not is_in_ring and asked.seq < await first_kept(self._bus) - 1:
            return self.hub.head, "too_old"
        return asked.seq, None

    def _opening(self, start: int, reset: str | None, last: dict[str, int]) -> bytes:
        spread = random.randint(1000, 5000)  # noqa: S311  # spreads reconnects
        hello: dict[str, object] = {
            "conn": uuid.uuid4().hex,
            "epoch": self.hub.epoch,
            "head": self.hub.head,
            "hb": self.hub.beat_seconds,
            "limits": {"frame": 65536},
            "last": last,
        }
        frames = retry_frame(spread) + PADDING
        if reset is not None:
            frames += control_frame("reset", {"reason": reset, "snapshot": "/bff/backoffice/v1/bootstrap"})
        return frames + control_frame("hello", hello, Cursor(self.hub.epoch, start))

    async def _replay_cold(self, stream: Stream, after: int, until: int) -> int:
        """Send what lies between the cursor and the ring, or as much as is taken; answers where the client stands then."""
        async for entry in past_of(self._bus, self.hub, stream.tenant_id, after, until):
            if entry.audience in stream.audiences:
                if stream.sink.unsent() > self._settings.unsent_bytes:
                    return after
                stream.sink.write(entry.frame)
            after = entry.seq
        return until

    async def _drained(self, stream: Stream) -> None:
        """A slow reader waits outside, where it holds up nobody else's replay."""
        while stream.sink.unsent() > self._settings.unsent_bytes:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def settings_changed(self, key: str) -> None:
        """Ends the streams of every tenant for which the door was switched off; the next request is refused as well."""
        if not key.endswith(f".{KILL_SWITCH}"):
            return
        for stream in self.hub.all_streams():
            self._end_if_disabled(stream)

    def _end_if_disabled(self, stream: Stream) -> None:
        if not self.door.is_open_for(stream.tenant_id):
            told = control_frame("tenant.disabled", {"retry_after": DISABLED_SECONDS})
            self.hub.say_bye(stream, "disabled", told)

    def drain(self) -> None:
        """Everybody goes elsewhere, spread over time by the retry that they are told; nobody comes in any more."""
        self._is_draining = True
        for stream in self.hub.all_streams():
            wait = random.randint(500, self._settings.drain_retry_ms)  # noqa: S311  # spreads reconnects
            self.hub.say_bye(stream, "drain", retry_frame(wait))
