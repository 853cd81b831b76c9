"""When each key was last used: noted in memory, written in batches. A process that is killed loses one batch."""

from datetime import datetime
from uuid import UUID

import structlog

from chassis.db import Database
from chassis.errors import Transient
from chassis.rounds import go_round
from services.registry.api_keys.store import queries

log = structlog.get_logger(__name__)


class Uses:
    """A background part; its last batch is written when the service ends."""

    name = "api-key-uses"

    def __init__(self, database: Database, *, every: float) -> None:
        self._database = database
        self._every = every
        self._noted: dict[UUID, datetime] = {}

    def note(self, key_id: UUID, now: datetime) -> None:
        self._noted[key_id] = now

    async def run(self) -> None:
        try:
            await go_round(self.name, self._one_round, self._every)
        finally:
            try:
                await self.write()
            except Transient as error:
                log.warning("api_key_uses.lost", error=str(error), keys=len(self._noted))

    async def _one_round(self) -> None:
        """Answers nothing, so that the next one waits for a batch to gather."""
        await self.write()

    async def write(self) -> int:
        """One statement for all keys used since the last one; how many. Raises Transient, and then keeps them."""
        if not self._noted:
            return 0
        noted, self._noted = self._noted, {}
        try:
            async with self._database.worker() as tx:
                await queries.note_uses(tx, key_ids=list(noted), used_at=list(noted.values()))
        except BaseException:
            self._noted = noted | self._noted
            raise
        return len(noted)
