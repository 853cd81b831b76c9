"""Messages in: claim, apply, record progress and commit in one transaction, then acknowledge."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import Database, DatabaseUnavailable, Tx
from chassis.inbox_settings import InboxSettings
from chassis.intake import Apply, Intake
from chassis.message_spans import handling
from chassis.pull import Delivery, Pull
from chassis.receiver import Takes, Verdict
from contracts.envelope import Message, Received
from contracts.event import Event

__all__ = ["Apply", "Consumer", "Dispatch", "Handler", "InboxSettings", "dispatch", "handling"]

log = structlog.get_logger(__name__)

Handler = Callable[[Tx, Received[Any]], Awaitable[None]]

STAND_BY_SECONDS = 0.5
TURN_SECONDS = 1.0
"""How long one turn of the loop may wait for messages; the watchdog sees a sign of life at least this often."""


class Dispatch:
    """Applies messages one by one by a HANDLERS table; types that are not in it are counted and acknowledged."""

    def __init__(self, handlers: Mapping[type[Event], Handler]) -> None:
        self._handlers = {event.type: (event, handler) for event, handler in handlers.items()}
        self.types = frozenset(self._handlers)

    async def __call__(self, tx: Tx, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._handle(tx, message)

    async def _handle(self, tx: Tx, message: Message) -> None:
        event, handler = self._handlers[message.envelope.type]
        with handling(message):
            received = Received(message.envelope, event.read(message.data), message.data)
            if message.envelope.tenant_id is None:  # a fact about the whole platform is no tenant's row
                await handler(tx, received)
                return
            async with tx.acting_for(message.envelope.tenant_id):
                await handler(tx, received)


def dispatch(handlers: Mapping[type[Event], Handler]) -> Dispatch:
    """`apply` for a Consumer: each message by its handler, under its tenant's row-level security."""
    return Dispatch(handlers)


class Consumer:
    """Reads one durable for ever. `apply` gets fresh messages only, in the transaction that claims them.

    `apply` is `dispatch(HANDLERS)` or `async def apply(tx, messages)`, which runs as the service's worker role and
    uses `with handling(message)` around work that belongs to one message.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        clock: Clock,
        service: str,
        stream: str,
        durable: str,
        apply: Apply,
        settings: InboxSettings | None = None,
        intake: Takes | None = None,
    ) -> None:
        """`intake` takes what is read instead of this process."""
        self.name = f"inbox-{stream.lower()}"
        self.service = service
        self.stream = stream
        self.durable = durable
        self.last_turn = time.monotonic()
        self._database = database
        self._is_leading = False
        self._settings = settings or InboxSettings()
        self._bus = bus
        self._intake: Takes = intake or Intake(
            database=database,
            clock=clock,
            consumer=durable,
            stream=stream,
            apply=apply,
            settings=self._settings,
        )
        self._room = asyncio.Semaphore(self._intake.at_once)
        self._in_hand: dict[asyncio.Task[Verdict], Sequence[Delivery]] = {}
        self._pull = self._new_pull()

    async def run(self) -> None:
        """Until cancelled. What was taken and is not committed by then goes back to the server at once."""
        try:
            while True:
                if self._settings.alone:
                    await self._lead()
                else:
                    await self._turn()
        finally:
            await self._finish()
            await self._pull.stop()

    async def _turn(self) -> None:
        self.last_turn = time.monotonic()
        deliveries = await self._pull.next_batch(TURN_SECONDS)
        if deliveries:
            self._in_hand[asyncio.create_task(self.receive(deliveries))] = deliveries
        await self._reap()

    async def _lead(self) -> None:
        """Take for as long as nobody else does; what was asked for meanwhile goes back when that ends."""
        try:
            async with self._database.leadership(f"{self.service}:{self.name}", self._stand_by) as leader:
                self._is_leading = True
                log.info("inbox.leading", consumer=self.durable, stream=self.stream)
                try:
                    while await leader.holds():
                        await self._turn()
                finally:
                    await self._finish()
        except DatabaseUnavailable:
            await self._stand_by(None)
        finally:
            if self._is_leading:
                self._is_leading = False
                await self._pull.stop()
                self._pull = self._new_pull()

    async def _stand_by(self, _: object) -> None:
        self.last_turn = time.monotonic()
        await asyncio.sleep(STAND_BY_SECONDS)

    async def receive(self, deliveries: Sequence[Delivery], *, replayed: bool = False) -> Verdict:
        """The inbox path, also for what did not come off the stream: pages of a source's replay, dead letters."""
        async with self._room, self._kept_in_progress(deliveries):
            verdict = await self._intake.take(deliveries, replayed=replayed)
            await self._pull.ack(verdict.done)
            for delivery, delay in verdict.later:
                await self._pull.nak(delivery, delay)
        return verdict

    @property
    def gone_for(self) -> float:
        """Seconds for which it was heard that the durable or its stream is gone; 0 while it is there or has never been."""
        return self._pull.gone_for

    def status(self) -> dict[str, Any]:
        """For health: what the loop reads from and whether it can store it."""
        down = self._intake.database_down_since
        return {
            "stream": self.stream,
            "durable": self.durable,
            "state": self._pull.state.value if self._is_leading or not self._settings.alone else "standby",
            "database_down_since": down.isoformat() if down else None,
        }

    async def _reap(self) -> None:
        """Wait until there is room for another batch. Raises what no message is to blame for."""
        while self._in_hand:
            done = {task for task in self._in_hand if task.done()}
            if not done and len(self._in_hand) < self._intake.at_once:
                return
            done = done or (await asyncio.wait(self._in_hand, return_when=asyncio.FIRST_COMPLETED))[0]
            for task in done:
                del self._in_hand[task]
                task.result()

    async def _finish(self) -> None:
        """A stop lets the batches in hand finish within its limit; past it, they roll back and are given back."""
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=self._settings.drain)
        for task, deliveries in self._in_hand.items():
            if task.cancel():
                await asyncio.wait([task])
                for delivery in deliveries:
                    await self._pull.nak(delivery, 0)
            elif not task.cancelled() and (error := task.exception()):
                # what it did not acknowledge comes again
                log.error("inbox.batch_failed", consumer=self.durable, error=repr(error))
        self._in_hand.clear()

    @asynccontextmanager
    async def _kept_in_progress(self, deliveries: Sequence[Delivery]) -> AsyncIterator[None]:
        """A batch that outlives `ack_wait` would be delivered a second time beside itself."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(self._settings.ack_wait / 3)
                self.last_turn = time.monotonic()
                if self._bus.is_connected:
                    await self._pull.in_progress(deliveries)

        keeper = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeper.cancel()

    def _new_pull(self) -> Pull:
        settings = self._settings
        return Pull(
            self._bus,
            self.stream,
            self.durable,
            settings.max_batch,
            settings.pull_expires,
            settings.pull_heartbeat,
            settings.linger,
        )
