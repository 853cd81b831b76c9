"""The part that makes the log's partitions ahead of time; without it rows go to the default partition."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient

log = structlog.get_logger(__name__)
EVERY_SECONDS = 3600.0
RETRY_SECONDS = 5.0


class Months:
    """Two months ahead, looked at every hour; several at once do no harm."""

    name = "audit-months"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                async with self._database.worker() as tx:
                    await tx.fetchval("select make_audit_months($1)", self._clock.now().date())
            except Transient as error:
                log.warning("audit.months.waiting", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await asyncio.sleep(EVERY_SECONDS)
