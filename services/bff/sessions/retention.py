"""Forgets sessions that ended long ago; the audit log keeps what was said of them."""

from datetime import timedelta

from chassis.clock import Clock
from chassis.db import Database
from chassis.rounds import go_round
from services.bff.sessions.store import queries

MOST_AT_ONCE = 1_000


class ClosedSessions:
    """A background part; several at once do no harm, rows that another one has in hand are passed over."""

    name = "closed-sessions"

    def __init__(self, database: Database, clock: Clock, kept: timedelta, *, every: float = 60.0) -> None:
        """`kept` counts from the session's end."""
        self._database = database
        self._clock = clock
        self._kept = kept
        self._every = every

    async def run(self) -> None:
        await go_round(self.name, self.forget, self._every)

    async def forget(self, most: int = MOST_AT_ONCE) -> int:
        """One batch; how many there were."""
        async with self._database.worker() as tx:
            return int(await queries.forget_sessions(tx, before=self._clock.now() - self._kept, most=most))
