"""What a stream says from now on, heard by this process itself: the ground on which it may answer from memory.

A consumer without a name pushes to this process alone and beats while it has nothing to say. `is_live` is true only
while nothing can have been missed: the line stands, the numbers have no hole, the last sign of life is fresh. Each new
consumer begins a new `generation`; what was remembered in an earlier one is worth nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from chassis.bus import Bus
from chassis.pushed import Pushed

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.25
BEATS_STALE = 3
"""So many silent beats and nothing is answered from memory, until the next one."""

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
        self._from_now = ConsumerConfig(deliver_policy=DeliverPolicy.NEW, filter_subjects=list(subjects))
        self._hear = hear
        self._beat = beat
        self._pushed: Pushed | None = None

    @property
    def is_live(self) -> bool:
        """Whether everything said until a moment ago has been heard."""
        pushed = self._pushed
        return pushed is not None and pushed.is_whole and pushed.silent_for < BEATS_STALE * self._beat

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
        async with Pushed(
            self._bus, self._stream, self._from_now, self._receive, beat=self._beat
        ) as self._pushed:
            # From here on everything is pushed to us; what is loaded later is corrected by what is heard later.
            self.generation += 1
            log.info("news.live", stream=self._stream, generation=self.generation)
            await self._pushed.until_broken()

    async def _receive(self, message: Msg) -> None:
        self._hear(message.subject, message.headers or {})
