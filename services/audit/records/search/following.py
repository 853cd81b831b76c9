"""The part that keeps a search store beside the log up to date."""

import asyncio
from uuid import UUID

import structlog

from chassis.db import Database
from chassis.errors import DomainError, Transient
from services.audit.records.errors import SearchStoreStale
from services.audit.records.search.mongo import MongoSearch
from services.audit.records.search.store import queries

log = structlog.get_logger(__name__)

BATCH = 1_000
RETRY_SECONDS = 5.0


class Follower:
    """Copies what was signed into the store beside the log. One process at a time; it goes on where the last one was."""

    name = "audit-search-follower"

    def __init__(self, database: Database, store: MongoSearch, *, seconds: float) -> None:
        self._database = database
        self._store = store
        self._seconds = seconds

    async def run(self) -> None:
        while True:
            try:
                await self._database.wait_ready()
                async with self._database.leadership("audit search follower") as leader:
                    await self._store.prepare()
                    while await leader.holds():
                        await self.follow()
                        await asyncio.sleep(self._seconds)
            except (Transient, DomainError) as error:
                log.warning("audit.search_follower.waiting", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def follow(self) -> None:
        """Once, all trees. What was built from another log is left for somebody to look at."""
        async with self._database.platform_reading() as tx:
            trees = [
                (row["tenant_id"], row["size"], bytes(row["root"])) async for row in queries.signed_trees(tx)
            ]
        for tenant_id, size, root in trees:
            try:
                await self._catch_up(tenant_id, size, root)
            except SearchStoreStale as error:
                log.error("audit.search_store_stale", tenant_id=str(tenant_id), reason=error.detail)  # noqa: TRY400  # no fault of the code

    async def _catch_up(self, tenant_id: UUID, size: int, root: bytes) -> None:
        async with self._database.platform_reading() as tx:
            built = await self._store.built_from(tx, tenant_id)
        first = 0 if built is None else built[0]
        if first >= size:
            return
        for begin in range(first, size, BATCH):
            end = min(begin + BATCH, size)
            async with self._database.platform_reading() as tx:
                found = queries.rows_between(tx, tenant_id=tenant_id, first=begin, end=end)
                await self._store.put(tenant_id, begin, [dict(row) async for row in found])
        await self._store.settle(tenant_id, size, root)
