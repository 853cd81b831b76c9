"""What a stream says from now on, heard by this process itself: the ground on which it may answer from memory.

A consumer without a name pushes to this process alone and beats while it has nothing to say. `is_live` is true only
while nothing can have been missed: the line stands, the numbers have no hole, the last sign of life is fresh. Each new
consumer begins a new `generation`; what was remembered in an earlier one is worth nothing.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from chassis.bus import Bus

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.25
BEATS_STALE = 3
"""So many silent beats and nothing is answered from memory, until the next one."""
BEATS_GONE = 12
"""So many and the consumer is made anew."""
KEPT_SECONDS = 5.0
"""The server ends a consumer that nobody hears after this time."""

Hear = Callable[[str, Mapping[str, str]], None]


class News:
    """A background part. `hear` is called with subject and headers of every message, in order, and must not wait."""

    name = "news"

    def __init__(
        self, bus: Bus, stream: str, subjects: Sequence[str], hear: Hear, *, beat: float = 0.25
    ) -> None:
        self.generation = 0
        self._bus = bus
        self._stream = stream
        self._subjects = list(subjects)
        self._hear = hear
        self._beat = beat
        self._stale_after = BEATS_STALE * beat
        self._losses = 0
        self._heard_at = float("-inf")
        self._heard = 0
        self._is_open = False
        self._broken = asyncio.Event()

    @property
    def is_live(self) -> bool:
        """Whether everything said until a moment ago has been heard."""
        return (
            self._is_open
            and self._losses == self._bus.losses
            and self._bus.nc.is_connected
            and time.monotonic() - self._heard_at < self._stale_after
        )

    def status(self) -> dict[str, object]:
        """For `/readyz`."""
        return {"live": self.is_live, "generation": self.generation}

    async def run(self) -> None:
        while True:
            await self._bus.wait_connected()
            try:
                await self._listen()
            except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as error:
                log.warning("news.waiting", stream=self._stream, error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        """One consumer, until it breaks."""
        losses = self._bus.losses
        inbox = self._bus.nc.new_inbox()
        self._heard = 0
        self._broken.clear()
        subscription = await self._bus.nc.subscribe(
            inbox, cb=self._receive, pending_msgs_limit=0, pending_bytes_limit=0
        )
        try:
            await self._bus.js.add_consumer(self._stream, self._config(inbox))
            # From here on everything is pushed to us; what is loaded later is corrected by what is heard later.
            self._losses, self._heard_at = losses, time.monotonic()
            self.generation += 1
            self._is_open = True
            log.info("news.live", stream=self._stream, generation=self.generation)
            await self._until_broken()
        finally:
            self._is_open = False
            if not self._bus.nc.is_closed:
                await subscription.unsubscribe()

    def _config(self, inbox: str) -> ConsumerConfig:
        return ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            num_replicas=1,
            mem_storage=True,
            idle_heartbeat=self._beat,
            inactive_threshold=KEPT_SECONDS,
            filter_subjects=self._subjects,
        )

    async def _until_broken(self) -> None:
        """A hole, a lost line, or a silence that is too long."""
        while self._losses == self._bus.losses:
            if time.monotonic() - self._heard_at > BEATS_GONE * self._beat:
                log.warning("news.silent", stream=self._stream)
                return
            try:
                async with asyncio.timeout(self._beat):
                    await self._broken.wait()
            except TimeoutError:
                continue
            return

    async def _receive(self, message: Msg) -> None:
        headers = message.headers or {}
        if "Status" in headers:
            said = int(headers.get("Nats-Last-Consumer", self._heard))
        else:
            self._hear(message.subject, headers)
            self._heard += 1
            said = message.metadata.sequence.consumer
        if said != self._heard:
            log.warning("news.hole", stream=self._stream, heard=self._heard, said=said)
            self._is_open = False
            self._broken.set()
            return
        self._heard_at = time.monotonic()
