"""Closes sessions that reached a limit: any process may do it, each ends once."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.context import set_actor, use_origin
from chassis.db import Database, rows
from chassis.errors import Transient
from services.bff.sessions import endings
from services.bff.sessions.model import Limits, Session
from services.bff.sessions.store import queries

log = structlog.get_logger(__name__)
BATCH = 200


class SessionLimits:
    """A background part; several processes share it, rows that another one has locked are passed over.

    A session has one time at which to look at it. A heartbeat does not move that time; whoever looks does, to where the
    next limit is. So a session that is heard of costs one write per idle limit instead of one per heartbeat.
    """

    name = "session-limits"

    def __init__(self, database: Database, clock: Clock, limits: Limits, *, every: float = 1.0) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._every = every

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.run_due():
                    pass
            except Transient as error:
                log.warning("session_limits.waiting", error=str(error))
            except Exception:
                log.exception("session_limits.failed")  # nothing was written; looked at again in a moment
            await asyncio.sleep(self._every)

    async def run_due(self) -> int:
        """One batch; answers how many sessions were looked at."""
        now, later = self._clock.now(), []
        async with self._database.worker() as tx:
            with use_origin(correlation_id=None):
                set_actor("system", "system")
                due = await rows(queries.sessions_due(tx, now=now, most=BATCH))
                for row in due:
                    session = Session.read(row)
                    who = {"tenant_id": row["tenant_id"], "session_id": session.session_id}
                    ended = session.end(self._limits, now)
                    if ended is None:
                        later.append({**who, "due_at": session.due_at(self._limits)})
                    else:
                        await endings.end(tx, **who, reason=ended[0], now=now)
                if later:
                    await queries.look_again(tx, later)
        return len(due)
