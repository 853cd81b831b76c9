"""Says as events what the vendor's own log tells, line by line: audit finds out what has no request behind it."""

from uuid import UUID

import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.context import use_origin
from chassis.db import Database, Tx
from chassis.rounds import go_round
from contracts.lock_actions import Line, LockActionReportedV1, report_id_of
from services.bff.locks.store import queries
from services.bff.locks.vendor import Vendor, VendorError

log = structlog.get_logger(__name__)
BATCH = 200
SILENT_SECONDS = 60.0


class VendorReports:
    """A part of the runtime. Several processes may read; each line is said by one."""

    name = "lock-reports"

    def __init__(self, database: Database, clock: Clock, vendor: Vendor, *, every: float) -> None:
        self._database = database
        self._clock = clock
        self._vendor = vendor
        self._every = every
        self._heard_at = clock.now()

    async def run(self) -> None:
        await self._database.wait_ready()
        await go_round(self.name, self.read, self._every)

    async def read(self) -> int:
        """One page; how many lines were said. The cursor moves in the transaction of what it covers."""
        async with self._database.worker() as tx:
            await queries.begin_reading(tx, vendor=self._vendor.name)
            after = await queries.cursor(tx, vendor=self._vendor.name)
        try:
            page = await self._vendor.lines(after, BATCH)
        except VendorError as error:
            self._complain(str(error))
            return 0
        self._heard_at = self._clock.now()
        if not page.lines:
            return 0
        async with self._database.worker() as tx:
            last = page.lines[-1].entry
            if not await queries.move_cursor(tx, vendor=self._vendor.name, after=after, entry=last):
                return 0  # another process has said them
            for place, line in enumerate(page.lines, after + 1):
                if line.entry != place:
                    # A page: lines were taken out of the vendor's log, or it was begun anew.
                    log.error("lock_reports.hole", vendor=self._vendor.name, expected=place, found=line.entry)
                await self._say(tx, line)
        return len(page.lines)

    async def _say(self, tx: Tx, line: Line) -> None:
        report_id = report_id_of(self._vendor.name, line.entry)
        reported = LockActionReportedV1(
            tenant_id=tenant_of(line.site),
            report_id=report_id,
            vendor=self._vendor.name,
            **line.model_dump(),
        )
        with use_origin(correlation_id=line.key or str(report_id), actor_type="system"):
            await outbox.add(tx, reported, aggregate_version=1)

    def _complain(self, why: str) -> None:
        """A vendor that tells nothing for long is a page: nobody would see what its locks are told."""
        silent = (self._clock.now() - self._heard_at).total_seconds()
        level = log.error if silent > SILENT_SECONDS else log.info
        level("lock_reports.vendor_silent", vendor=self._vendor.name, seconds=round(silent), error=why)


def tenant_of(site: str) -> UUID | None:
    """Ours, if the site is named after one."""
    try:
        return UUID(site)
    except ValueError:
        return None
