"""Says `unknown` of actions whose caller has died: any process may, each action once."""

from datetime import timedelta

from chassis.clock import Clock
from chassis.context import as_system
from chassis.db import Database
from chassis.rounds import go_round
from services.registry.actions import operations


class ForgottenActions:
    """A background part. Locked rows are passed over, so that several processes share the work."""

    name = "forgotten-actions"

    def __init__(
        self, database: Database, clock: Clock, *, after: float, every: float = 1.0, batch: int = 200
    ) -> None:
        """Seconds: an action is given up `after` it was requested; such are looked for every `every`."""
        self._database = database
        self._clock = clock
        self._after = timedelta(seconds=after)
        self._every = every
        self._batch = batch

    async def run(self) -> None:
        await go_round(self.name, self.run_due, self._every)

    async def run_due(self) -> int:
        """One batch; answers how many were given up."""
        now = self._clock.now()
        with as_system():
            async with self._database.worker() as tx:
                return await operations.give_up(tx, now - self._after, self._batch, now)
