"""The part that gives months which have ended the indexes that only they carry."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.db import Database, DatabaseUnavailable

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3_600.0
RETRY_SECONDS = 5.0
INDEX_SECONDS = 6 * 3_600.0


class ClosedMonths:
    """Makes the indexes of words and of fields. One process at a time: it may take long."""

    name = "audit-closed-months"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                await self._database.wait_ready()
                async with self._database.leadership("audit closed months") as leader:
                    while await leader.holds():
                        sql = "select index_closed_audit_months($1)"
                        today = self._clock.now().date()
                        for month in await leader.connection.fetchval(sql, today, timeout=INDEX_SECONDS):
                            log.info("audit.month_indexed", month=month)
                        await asyncio.sleep(EVERY_SECONDS)
            except DatabaseUnavailable as error:
                log.warning("audit.closed_months.waiting", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)
