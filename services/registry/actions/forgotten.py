"""Says `unknown` of actions whose caller has died: any process may, each action once."""

import asyncio
from datetime import timedelta

import structlog

from chassis.clock import Clock
from chassis.context import set_actor, use_origin
from chassis.db import Database
from chassis.errors import Transient
from services.registry.actions import operations

log = structlog.get_logger(__name__)
SYSTEM = "system"


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
        while True:
            try:
                while await self.run_due():
                    pass
            except Transient as error:
                log.warning("forgotten_actions.waiting", error=str(error))
            except Exception:
                log.exception("forgotten_actions.failed")
            await asyncio.sleep(self._every)

    async def run_due(self) -> int:
        """One batch; answers how many were given up."""
        now = self._clock.now()
        with use_origin(correlation_id=None):
            set_actor(SYSTEM, "system")
            async with self._database.worker() as tx:
                return await operations.give_up(tx, now - self._after, self._batch, now)
