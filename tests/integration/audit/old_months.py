"""A log that goes back for years, its ledger and its anchors, and the part that keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from chassis.clock import ManualClock
from services.audit.keeping.bundles.files import BundleFolder
from services.audit.keeping.bundles.reading import Reader
from services.audit.keeping.bundles.sealing import Keeper
from services.audit.log.anchors import Anchors, WriteOnceFolder
from services.audit.log.ledger import enter
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.chassis.numbered_events import Numbered, numbered

MARCH, APRIL = date(2024, 3, 1), date(2024, 4, 1)
NOW = datetime(2025, 6, 1, tzinfo=UTC)
"""Both months have been in the table for more than thirteen months."""


def events(tenant: UUID, first: int, count: int) -> list[Numbered]:
    return [numbered(number, tenant=tenant) for number in range(first, first + count)]


@dataclass
class OldMonths:
    """Writes into old months and keeps them."""

    log: Log
    folder: Path

    def __post_init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.files = BundleFolder(self.folder / "bundles")
        self.reader = Reader(self.files)
        self.keeper = Keeper(self.log.database, self.files, SIGNER, self.clock)

    async def write(self, tenant: UUID, counts: Sequence[int] = (700, 300)) -> None:
        """So many records in March, in April 2024, …; then two of today."""
        number = 1
        for month, count in enumerate(counts, 3):
            at = datetime(2024, month, 10, tzinfo=UTC)
            async with self.log.database.worker() as tx:
                await tx.fetchval("select make_audit_months($1)", at.date())
            await self.log.append(events(tenant, number, count), at)
            number += count
        await self.log.append(events(tenant, number, 2), NOW)

    async def anchor(self) -> None:
        """Sign, enter into the ledger, keep its head outside."""
        await self.log.sign(NOW)
        async with self.log.database.worker() as tx:
            await enter(tx, SIGNER, NOW, timedelta(days=1))
        await Anchors(self.log.database, [WriteOnceFolder(self.folder / "anchors")]).anchor(NOW)

    async def months(self) -> set[str]:
        found = await self.log.admin.fetch(
            "select relname from pg_class where relnamespace = 'audit'::regnamespace"
            " and relname ~ '^audit_event_2024\\d\\d$'"
        )
        return {row["relname"][-2:] for row in found}

    async def drop(self, month: date) -> int | str:
        """How many records went, or the first word of why not."""
        try:
            async with self.log.database.worker() as tx:
                dropped: int = await tx.fetchval("select drop_audit_month($1, $2)", month, self.clock.now())
        except asyncpg.PostgresError as error:
            return str(error).split(":")[0]
        return dropped

    async def read(self, tenant: UUID, first: int = 0, most: int = 10_000) -> list[bytes]:
        async with self.log.database.reading(tenant) as tx:
            rows = await self.reader.rows_from(tx, tenant, first, most)
        return [bytes(row["entry"]) for row in rows]

    def bundles(self) -> list[Path]:
        return sorted((self.folder / "bundles").glob("*/*.bundle"))
