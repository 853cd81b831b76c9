"""The parts that see to exports: one starts a process for each that is due, one ends those that are past their time."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.errors import Transient
from chassis.rounds import go_round
from services.audit.exports import operations as exports
from services.audit.exports.files import ExportFiles

log = structlog.get_logger(__name__)
MODULE = "services.audit.exports"
BUSY = 75
"""The exit status of a writer that found its tenant or all places taken (sysexits.h: EX_TEMPFAIL)."""
LATER = timedelta(seconds=5)
MOST_EXPIRED = 50
Due = tuple[UUID, UUID]


class Exporter:
    """Each export is written by a process of its own, so that the log goes on at its pace, and a writer that is killed
    takes nothing with it. Who may write is settled by the database: see `writer.py`.
    """

    name = "exporter"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        told: Mapping[str, Any],
        *,
        at_once: int,
        every: float = 0.5,
    ) -> None:
        """`told` is what the writer is told of the service: addresses, folders, key."""
        self._database = database
        self._clock = clock
        self._told = told
        self._at_once = at_once
        self._every = every
        self._running: dict[Due, asyncio.Task[None]] = {}

    async def run(self) -> None:
        try:
            await go_round(self.name, self.start_due, self._every)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def start_due(self) -> int:
        """Start what is due and not running here; answers 0, since nothing is done before it ends."""
        self._running = {due: task for due, task in self._running.items() if not task.done()}
        async with self._database.platform_reading() as tx:
            found = await rows(
                exports.queries.due(tx, now=self._clock.now(), most=self._at_once + len(self._running))
            )
        for row in found:
            due = (row["tenant_id"], row["export_id"])
            if due not in self._running and len(self._running) < self._at_once:
                self._running[due] = asyncio.create_task(self._write(due), name=f"export {due[1]}")
        return 0

    async def _write(self, due: Due) -> None:
        told = {
            **self._told,
            "tenant_id": str(due[0]),
            "export_id": str(due[1]),
            "at_once": self._at_once,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, stdin=asyncio.subprocess.PIPE
        )
        try:
            await process.communicate(orjson.dumps(told))
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode not in {0, BUSY}:
            log.error("audit.export.writer_died", export_id=str(due[1]), status=process.returncode)
            with suppress(Transient):  # it is due again by itself, a little later
                await self._put_off(due, f"the writer ended with status {process.returncode}")
        elif process.returncode == BUSY:
            await asyncio.sleep(LATER.total_seconds())

    async def _put_off(self, due: Due, error: str) -> None:
        async with self._database.worker() as tx:
            await exports.queries.put_off(
                tx,
                tenant_id=due[0],
                export_id=due[1],
                state="queued",
                due_at=self._clock.now() + LATER,
                error=error,
            )


class Expiry:
    """Removes the files of exports whose seven days are over."""

    name = "export-expiry"

    def __init__(self, database: Database, files: ExportFiles, clock: Clock, *, every: float = 60.0) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        await go_round(self.name, self.expire_due, self._every)

    async def expire_due(self) -> int:
        """One batch; answers how many ended. A file goes before the commit: a crash leaves a row that is expired again."""
        async with self._database.worker() as tx:
            gone = await exports.expire(tx, self._clock.now(), MOST_EXPIRED)
            for key in gone:
                self._files.remove(key)
        return len(gone)
