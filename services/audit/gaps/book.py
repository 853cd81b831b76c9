"""Gaps in what audit hears: said once when detected and once when repaired, whatever restarts lie between."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from chassis.gaps import Gap, GapState
from services.audit.gaps import operations

log = structlog.get_logger(__name__)


class GapBook:
    """`note` is told by the search for holes. `run` finds gaps that were filled while nobody watched them."""

    name = "gap-book"

    def __init__(self, database: Database, clock: Clock, *, seconds: float) -> None:
        self._database = database
        self._clock = clock
        self._seconds = seconds

    async def note(self, gap: Gap) -> None:
        """DETECTED and REPAIRED are events. LOST is none: the log's error is the alert, and the gap stays in the book
        as lost, never repaired, unless its numbers arrive after all.
        """
        async with self._database.worker() as tx:
            if gap.state is GapState.DETECTED:
                await operations.open_gap(tx, gap.hole, gap.since)
            elif gap.state is GapState.LOST:
                await operations.lose_gap(tx, gap.hole)
            else:
                await operations.settle_gaps(tx, self._clock.now())

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                await self.settle()
            except Transient as error:
                log.info("audit.gap_book.waiting", reason=str(error))
            await asyncio.sleep(self._seconds)

    async def settle(self) -> None:
        async with self._database.worker() as tx:
            await operations.settle_gaps(tx, self._clock.now())
