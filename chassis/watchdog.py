"""A thread outside the event loop that ends a process which can no longer do its work and would not notice."""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

EXIT_LOOP_FROZEN = 71
EXIT_BUS_CLOSED = 70
EXIT_CONSUMER_GONE = 72
BEATS_PER_LIMIT = 10


class Closable(Protocol):
    """The bus, as far as the watchdog looks."""

    @property
    def is_closed(self) -> bool: ...


class Losable(Protocol):
    """A consumer, as far as the watchdog looks."""

    name: str

    @property
    def gone_for(self) -> float: ...


class Watchdog:
    """Ends the process when the loop has not turned for `frozen_after` seconds, when the bus client is closed for
    good, or when a durable that was there has been missing for `gone_after` seconds. The supervisor starts it again.
    """

    name = "watchdog"

    def __init__(
        self,
        *,
        bus: Closable | None = None,
        consumers: Sequence[Losable] = (),
        frozen_after: float = 30.0,
        gone_after: float = 60.0,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._bus = bus
        self._consumers = consumers
        self._interval = frozen_after / BEATS_PER_LIMIT
        self._gone_after = gone_after
        self._end = end
        self._beats = 0
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Beat in the loop, listen in a thread, until cancelled."""
        self._stopped.clear()
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                self._beats += 1
                await asyncio.sleep(self._interval / 2)
        finally:
            self._stopped.set()

    def _watch(self) -> None:
        """Counts its own turns without a beat instead of comparing clocks: a process that was stopped by a signal
        or a sleeping machine has missed no beat that it could have made.
        """
        heard, silent = self._beats, 0
        while not self._stopped.wait(self._interval):
            silent = silent + 1 if heard == self._beats else 0
            heard = self._beats
            if silent >= BEATS_PER_LIMIT:
                faulthandler.dump_traceback(sys.__stderr__ or 2, all_threads=True)
                self._give_up(EXIT_LOOP_FROZEN, "the event loop is frozen")
            elif self._bus is not None and self._bus.is_closed:
                self._give_up(EXIT_BUS_CLOSED, "the bus client is closed for good")
            else:
                self._check_consumers()

    def _check_consumers(self) -> None:
        for consumer in self._consumers:
            if consumer.gone_for > self._gone_after:
                self._give_up(EXIT_CONSUMER_GONE, f"the durable of {consumer.name} is gone")

    def _give_up(self, code: int, why: str) -> None:
        log.critical("watchdog.ends_process", why=why, exit_code=code)
        self._end(code)
