"""Whether a desk works in an open session: for the stream, which lives outside of any request's transaction."""

from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database
from services.bff.door import Guest
from services.bff.errors import SessionNotFound
from services.bff.sessions import operations
from services.bff.sessions.model import Limits


class Desks:
    """Asks the table, so that the answer is the same in every process."""

    def __init__(self, database: Database, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits

    async def in_session(self, guest: Guest, named: str) -> str:
        """The session as it was named, while the caller may work in it; empty where none was named.

        Raises SessionNotFound, SessionEnded, PropertyOutOfScope.
        """
        if not named:
            return ""
        try:
            session_id = UUID(named)
        except ValueError:
            raise SessionNotFound("session: not the id of one") from None
        async with self._database.reading(guest.tenant_id) as tx:
            found = await operations.in_use(tx, guest, session_id, self._limits, self._clock.now())
        return str(found.session_id)
