"""Keeps partitions: makes those of the coming week, drops those past their time; forgets old idempotency keys."""

import asyncio
from datetime import UTC, datetime

import structlog

from chassis import idempotency
from chassis.db import Database
from chassis.errors import Transient

log = structlog.get_logger(__name__)


class Upkeep:
    """A part of every service; several at once do no harm."""

    name = "upkeep"

    def __init__(self, database: Database, *, every: float = 3600.0, retry: float = 5.0) -> None:
        self._database = database
        self._every = every
        self._retry = retry

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                async with self._database.worker() as tx:
                    now = datetime.now(UTC)  # partitions and keys live by real time, not domain time
                    dropped = await tx.fetchval("select keep_partitions($1)", now.date())
                    await idempotency.purge(tx, now)
                if dropped:
                    log.info("upkeep.dropped_partitions", partitions=dropped)
            except Transient:
                await asyncio.sleep(self._retry)
                continue
            await asyncio.sleep(self._every)
