"""Closes sessions that reached a limit: any process may do it, each ends once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.due_rows import DueRows
from services.bff.sessions import endings
from services.bff.sessions.model import Limits, Session
from services.bff.sessions.store import queries

PUT_OFF = timedelta(minutes=1)


class SessionLimits(DueRows[dict[str, Any]]):
    """A session has one time at which to look at it. A heartbeat does not move that time; whoever looks does, to where the
    next limit is. So a session that is heard of costs one write per idle limit instead of one per heartbeat.
    """

    name = "session-limits"

    def __init__(self, database: Database, clock: Clock, limits: Limits, *, every: float = 1.0) -> None:
        super().__init__(database, clock, every=every)
        self._limits = limits

    async def lock(self, tx: Tx, now: datetime, most: int) -> list[dict[str, Any]]:
        return await rows(queries.sessions_due(tx, now=now, most=most))

    async def do(self, tx: Tx, due: Sequence[dict[str, Any]], now: datetime) -> int:
        later = []
        for row in due:
            session = Session.read(row)
            ended = session.end(self._limits, now)
            if ended is None:
                later.append({**self.key_of(row), "due_at": session.due_at(self._limits)})
            else:
                await endings.end(tx, **self.key_of(row), reason=ended[0], now=now)
        if later:
            await queries.look_again(tx, later)
        return len(due)

    def key_of(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"tenant_id": row["tenant_id"], "session_id": row["session_id"]}

    async def put_off(self, tx: Tx, key: Mapping[str, Any], now: datetime, error: str) -> None:
        del error  # it is in the log
        await queries.look_again(tx, [{**key, "due_at": now + PUT_OFF}])
