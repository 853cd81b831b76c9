"""Forgets trials that nobody started."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from services.registry.trials import operations

log = structlog.get_logger(__name__)


class TrialUpkeep:
    """A background part; several at once do no harm."""

    name = "trial-upkeep"

    def __init__(self, database: Database, clock: Clock, *, every: float = 600.0) -> None:
        self._database = database
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        while True:
            try:
                async with self._database.worker() as tx:
                    await operations.forget(tx, self._clock.now())
            except Transient as error:
                log.warning("trial_upkeep.waiting", error=str(error))
            await asyncio.sleep(self._every)
