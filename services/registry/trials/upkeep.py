"""Forgets trials that nobody started."""

from chassis.clock import Clock
from chassis.db import Database
from chassis.rounds import go_round
from services.registry.trials import operations


class TrialUpkeep:
    """A background part; several at once do no harm."""

    name = "trial-upkeep"

    def __init__(self, database: Database, clock: Clock, *, every: float = 600.0) -> None:
        self._database = database
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        await go_round(self.name, self.forget, self._every)

    async def forget(self) -> None:
        async with self._database.worker() as tx:
            await operations.forget(tx, self._clock.now())
