"""In which session a desk works and with which app: for the stream, which lives outside of any request's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database
from chassis.together import Together
from services.bff.door import Guest
from services.bff.errors import SessionNotFound
from services.bff.sessions import operations
from services.bff.sessions.model import Limits
from services.bff.sessions.store import queries
from services.bff.versions import app_of


@dataclass(frozen=True, slots=True)
class Seat:
    """The session as the desk named it, empty where it named none; (platform, version) of the device's open session."""

    session: str
    app: tuple[str, str]


class Desks:
    """Asks the table, so that the answer is the same in every process."""

    def __init__(self, database: Database, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._reads: Together[tuple[UUID, UUID, UUID | None], Any] = Together(self._read)

    async def seat(self, guest: Guest, named: str) -> Seat:
        """The caller may work in the session that it names; the app is empty without an open session.

        Raises SessionNotFound, SessionEnded, PropertyOutOfScope.
        """
        session_id = id_of(named)
        row = await self._reads.ask((guest.tenant_id, guest.device_id, session_id))
        app = ("", "") if row["os"] is None else app_of(row["os"], row["app_version"])
        if session_id is None:
            return Seat("", app)
        found = operations.usable(
            None if row["session_id"] is None else row, guest, session_id, self._limits, self._clock.now()
        )
        return Seat(str(found.session_id), app)

    async def _read(self, asked: Sequence[tuple[UUID, UUID, UUID | None]]) -> list[Any]:
        """Of many tenants in one snapshot, so the query itself keeps them apart."""
        tenant_ids, device_ids, session_ids = zip(*asked, strict=True)
        async with self._database.platform_reading() as tx:
            found = queries.seats(tx, tenant_ids=tenant_ids, device_ids=device_ids, session_ids=session_ids)
            return [row async for row in found]


def id_of(named: str) -> UUID | None:
    """Of a session; None for the empty name. Raises SessionNotFound."""
    try:
        return UUID(named) if named else None
    except ValueError:
        raise SessionNotFound("session: not the id of one") from None
