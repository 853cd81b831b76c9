"""The book of gaps: what a replay does not fill in time, and who has fallen silent, is said once, whatever restarts lie
between.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from chassis.gaps import Gap, GapState
from services.audit.gaps import operations

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited before an alarm."""

    hole: timedelta = timedelta(seconds=30)
    """From the first look at a hole to the alarm; a replay is asked for long before."""
    silence: timedelta = timedelta(seconds=90)
    """Three heartbeats."""


class GapBook:
    """`note` is told by the search for holes. `run` finds gaps that were filled while nobody watched them, those that
    nothing fills, and sources that are silent while `is_listening`.
    """

    name = "gap-book"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        seconds: float,
        is_listening: Callable[[], bool],
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._seconds = seconds
        self._is_listening = is_listening
        self._patience = patience or Patience()
        self._listening_since: datetime | None = None

    async def note(self, gap: Gap) -> None:
        """A lost gap is said at once, and stays in the book as lost unless its numbers arrive after all."""
        async with self._database.worker() as tx:
            if gap.state is GapState.DETECTED:
                await operations.open_gap(tx, gap.hole, gap.since)
            elif gap.state is GapState.LOST:
                await operations.lose_gap(tx, gap.hole, self._clock.now())
            else:
                await operations.settle_gaps(tx, self._clock.now())

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                await self.settle()
            except Transient as error:
                self._listening_since = None
                log.info("audit.gap_book.waiting", reason=str(error))
            await asyncio.sleep(self._seconds)

    async def settle(self) -> None:
        """One round."""
        now = self._clock.now()
        if not self._is_listening():
            self._listening_since = None
        elif self._listening_since is None:
            self._listening_since = now
        async with self._database.worker() as tx:
            await operations.settle_gaps(tx, now)
            await operations.alarm_gaps(tx, now, self._patience.hole)
            if self._listening_since is not None:
                await operations.watch_silence(tx, self._listening_since, now, self._patience.silence)
