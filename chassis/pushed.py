"""A stream pushed to this process alone, in order, for as long as nothing can have been missed.

A consumer without a name that beats while it has nothing to say (NATS ADR-17 without its second half: whoever uses it
decides where to go on). The library's own ordered consumer notices a loss after 10 to 20 s, begins at the stream's first
message when it had heard none yet, and goes on at the same number in a stream that was made anew.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Self

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig

from chassis.bus import Bus

log = structlog.get_logger(__name__)

BEATS_GONE = 12
"""So many silent beats and the consumer is taken for lost."""
KEPT_SECONDS = 5.0
"""The server ends a consumer that nobody hears after this time."""

Hear = Callable[[Msg], Awaitable[None]]


class Pushed:
    """An async context manager: the consumer is there inside of it. `hear` is given one message after the other.

    Raises nats.errors.Error, OSError or TimeoutError where the consumer cannot be made.
    """

    def __init__(self, bus: Bus, stream: str, where: ConsumerConfig, hear: Hear, *, beat: float) -> None:
        """`where` says what is wanted, and from where on; `beat` is in seconds."""
        self._bus = bus
        self._stream = stream
        self._where = where
        self._hear = hear
        self._beat = beat
        self._losses = bus.losses
        self._heard = 0
        self._heard_at = time.monotonic()
        self._is_hearing = False
        self._broken = asyncio.Event()
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        inbox = self._bus.nc.new_inbox()
        self._subscription = await self._bus.nc.subscribe(
            inbox, cb=self._receive, pending_msgs_limit=0, pending_bytes_limit=0
        )
        try:
            await self._bus.js.add_consumer(self._stream, self._config(inbox))
        except BaseException:
            await self.__aexit__()
            raise
        self._heard_at = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._broken.set()
        if self._subscription is not None and not self._bus.nc.is_closed:
            with contextlib.suppress(nats.errors.Error):
                await self._subscription.unsubscribe()

    def _config(self, inbox: str) -> ConsumerConfig:
        return self._where.evolve(
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            num_replicas=1,
            mem_storage=True,
            idle_heartbeat=self._beat,
            inactive_threshold=KEPT_SECONDS,
        )

    @property
    def is_whole(self) -> bool:
        """Whether the line stands on which it was made, and its numbers have had no hole."""
        return not self._broken.is_set() and self._losses == self._bus.losses and self._bus.nc.is_connected

    @property
    def silent_for(self) -> float:
        """Seconds since its last sign of life; none while `hear` takes its time."""
        return 0.0 if self._is_hearing else time.monotonic() - self._heard_at

    async def until_broken(self) -> None:
        """Until there is a hole, a lost line, or a silence that is too long."""
        while self.is_whole:
            if self.silent_for > BEATS_GONE * self._beat:
                log.warning("pushed.silent", stream=self._stream)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._beat):
                    await self._broken.wait()

    async def _receive(self, message: Msg) -> None:
        if self._broken.is_set():
            return
        headers = message.headers or {}
        if "Status" in headers:
            await self._answer(message)
            said = int(headers.get("Nats-Last-Consumer", self._heard))
        else:
            said = message.metadata.sequence.consumer
            if said == self._heard + 1:
                self._heard = said
                await self._hear_out(message)
        if said != self._heard:
            log.warning("pushed.hole", stream=self._stream, heard=self._heard, said=said)
            self._broken.set()
            return
        self._heard_at = time.monotonic()

    async def _hear_out(self, message: Msg) -> None:
        self._is_hearing = True
        try:
            await self._hear(message)
        finally:
            self._is_hearing = False

    async def _answer(self, message: Msg) -> None:
        """Flow control: everything before this was heard. A beat repeats a question whose answer was lost on the way."""
        asked = message.reply or (message.headers or {}).get("Nats-Consumer-Stalled", "")
        if asked:
            await self._bus.tell(asked, b"")
