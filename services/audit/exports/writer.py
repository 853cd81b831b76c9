"""The process that writes one export: `python -m services.audit.exports`, told what to do on standard input.

Advisory locks of the database say who may write: one writer per tenant, so many of all. A writer that dies lets go of them
with its connection, and the export is begun again, by whoever finds it due.
"""

import base64
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, SecretStr

from chassis import outbox
from chassis.clock import Clock
from chassis.context import as_system
from chassis.db import Database
from contracts.audit import ExportReadyV1
from services.audit.exports import operations as exports
from services.audit.exports.files import ExportFolder, key_of
from services.audit.exports.jobs import BUSY
from services.audit.exports.model import LINK_VALID, MOST_ATTEMPTS, Export
from services.audit.exports.writing import Writer, Written
from services.audit.keeping.bundles.files import BundleFolder
from services.audit.keeping.bundles.reading import Reader, Row
from services.audit.log.note import Signer
from services.audit.records.personal.keys import Keys
from services.audit.records.personal.model import RootKey

log = structlog.get_logger(__name__)
LOCK = "select pg_try_advisory_lock(hashtextextended($1, 0))"
RETRY = timedelta(seconds=10)
ALIVE = timedelta(seconds=60)
"""After its last sign of life a writer is not looked for so long; if it is taken for dead, the locks still protect it."""
WRITER_CONNECTIONS = 2


class Told(BaseModel):
    """What the service says to its writer."""

    database_url: SecretStr
    worker_database_url: SecretStr
    signing_key: SecretStr
    signing_name: str
    root_key: SecretStr
    export_folder: Path
    bundle_folder: Path
    tenant_id: UUID
    export_id: UUID
    at_once: int


async def run(told: Told, clock: Clock) -> int:
    """The exit status: 0 when there is nothing left to do, BUSY when it is somebody else's turn."""
    database = Database(
        "audit",
        told.database_url.get_secret_value(),
        told.worker_database_url.get_secret_value(),
        app_connections=WRITER_CONNECTIONS,
        worker_connections=WRITER_CONNECTIONS,
    )
    locks = await database.dedicated()
    try:
        if not await may_write(locks, told):
            return BUSY
        await Job(database, locks, told, clock).do()
    finally:
        locks.terminate()
        await database.close()
    return 0


async def may_write(locks: asyncpg.Connection, told: Told) -> bool:
    """Take the tenant's turn, and one of the places that there are for all."""
    if not await locks.fetchval(LOCK, f"audit export of {told.tenant_id}"):
        return False
    for place in range(told.at_once):
        if await locks.fetchval(LOCK, f"audit export place {place}"):
            return True
    return False


class Job:
    """One export, from `queued` or `running` to `ready`, `failed`, or another try later."""

    def __init__(self, database: Database, locks: asyncpg.Connection, told: Told, clock: Clock) -> None:
        self._database = database
        self._locks = locks
        self._clock = clock
        self._told = told
        self._place: Mapping[str, Any] = {"tenant_id": told.tenant_id, "export_id": told.export_id}
        self._files = ExportFolder(told.export_folder)
        self._reader = Reader(BundleFolder(told.bundle_folder))
        key = base64.b64decode(told.signing_key.get_secret_value())
        self._signer = Signer(told.signing_name, Ed25519PrivateKey.from_private_bytes(key))
        self._keys = Keys(RootKey(told.root_key.get_secret_value()))

    async def do(self) -> None:
        async with self._database.worker() as tx:
            row = await exports.queries.begin(tx, **self._place, due_at=self._clock.now() + ALIVE)
        if row is None:
            return
        if row["attempts"] > MOST_ATTEMPTS:
            await self._put_off("failed", "it was begun too often without coming to an end")
            return
        export = exports.export_of(self._told.tenant_id, self._told.export_id, row)
        try:
            written = await self._write(export)
        except Exception as error:
            log.exception("audit.export.failed", export_id=str(export.export_id))
            is_last = row["attempts"] == MOST_ATTEMPTS
            await self._put_off("failed" if is_last else "queued", repr(error)[:500])
        else:
            await self._finish(export, written)

    async def _write(self, export: Export) -> Written:
        workplace = self._files.workplace(export.export_id)
        reveal = partial(self._reveal, export)
        writer = Writer(self._database, self._reader, self._signer, export, workplace, self._say, reveal)
        return await writer.write(self._clock.now(), self._bound)

    async def _finish(self, export: Export, written: Written) -> None:
        """The file first, then the row: what is said to be ready is there, and is whole."""
        key = key_of(export.tenant_id, export.export_id, written.sha256)
        self._files.put(key, written.path)
        await self._locks.fetchval("select 1")  # raises if the turn was lost with the connection
        now = self._clock.now()
        async with self._database.worker() as tx:
            version = await exports.queries.finish(
                tx,
                **self._place,
                bytes=written.size,
                sha256=written.sha256,
                records=written.records,
                looked_at=written.looked_at,
                ready_at=now,
                expires_at=now + LINK_VALID,
            )
            if version is not None:
                ready = ExportReadyV1(
                    tenant_id=export.tenant_id,
                    export_id=export.export_id,
                    asked_by=export.asked_by,
                    language=export.language,
                    records=written.records,
                    bytes=written.size,
                    is_range_complete=export.is_range_complete,
                    expires_at=now + LINK_VALID,
                )
                with as_system():
                    await outbox.add(tx, ready, aggregate_version=version)
        if version is None:
            self._files.remove(key)
        log.info("audit.export.ready", export_id=str(export.export_id), records=written.records)

    async def _say(self, phase: str, looked_at: int, records: int) -> None:
        async with self._database.worker() as tx:
            await exports.queries.progress(
                tx,
                **self._place,
                phase=phase,
                looked_at=looked_at,
                records=records,
                due_at=self._clock.now() + ALIVE,
            )

    async def _bound(self, first: int, end: int) -> None:
        async with self._database.worker() as tx:
            await exports.queries.bound(tx, **self._place, first_leaf=first, end_leaf=end)

    async def _put_off(self, state: str, error: str) -> None:
        self._files.clear(self._told.export_id)
        async with self._database.worker() as tx:
            await exports.queries.put_off(
                tx, **self._place, state=state, due_at=self._clock.now() + RETRY, error=error
            )

    async def _reveal(self, export: Export, page: list[Row]) -> list[Mapping[str, Any]]:
        """What was posted stands above what was added to it; personal data are open if this reader may see them."""
        given = [(row["record_id"], orjson.loads(row["entry"])) for row in page]
        opened = dict(given)
        if export.shows_personal:
            async with self._database.reading(export.tenant_id) as tx:
                opened = await self._keys.open(tx, export.tenant_id, given)
        return [{**opened[id_], **opened[id_].get("event", {})} for id_, _ in given]
