"""Tells open streams that their session will end by one of its limits, while something can be done about it.

Said of the session as it is now and stored nowhere; every process looks for its own streams.
"""

from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.rounds import go_round
from services.bff.hub import Hub, Stream
from services.bff.sessions.model import Limits, Session
from services.bff.sessions.store import queries

MOST_WARNING = timedelta(minutes=1)
MOST_AT_ONCE = 5_000


class SessionWarnings:
    """A background part.

    A session that is heard of as often as it should be is never warned of its idle limit: a third of that, at most a
    minute, is left when the warning comes, and the limit is three intervals or more.
    """

    name = "session-warnings"

    def __init__(
        self, database: Database, clock: Clock, limits: Limits, hub: Hub, *, every: float = 5.0
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._hub = hub
        self._warning = min(MOST_WARNING, limits.idle / 3)
        self._every = min(every, self._warning.total_seconds() / 3)
        self._told: dict[tuple[str, int], datetime] = {}
        """Session and generation of a stream → the end that it was told."""

    async def run(self) -> None:
        await go_round(self.name, self.look, self._every)

    async def look(self) -> None:
        """Once. Raises Transient."""
        if not self._hub.connections:
            return
        now = self._clock.now()
        async with self._database.platform_reading() as tx:
            found = await rows(
                queries.sessions_ending(
                    tx, until=now + self._warning, idle=self._limits.idle, most=MOST_AT_ONCE
                )
            )
        tenants = {row["tenant_id"] for row in found}
        streams = {stream.session: stream for tenant in tenants for stream in self._hub.streams_of(tenant)}
        told = {}
        for session in map(Session.read, found):
            stream = streams.get(str(session.session_id))
            if stream is None or stream.parked_at is not None:
                continue
            whom = (stream.session, stream.generation)
            told[whom] = session.due_at(self._limits)
            if self._told.get(whom) != told[whom]:
                self._tell(stream, session)
        self._told = told

    def _tell(self, stream: Stream, session: Session) -> None:
        ends_at = session.due_at(self._limits)
        left = (ends_at - self._clock.now()).total_seconds()
        about: dict[str, object] = {
            "exp": int(ends_at.timestamp()),
            "closes_in": max(round(left), 0),
            "reason": "expired" if ends_at == session.expires_at else "idle",
        }
        self._hub.tell(stream, "session.expiring", about)
