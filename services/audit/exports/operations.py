"""Asking for an export, fetching it, and its end."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries, rows
from chassis.ids import uuid7
from services.audit.errors import EmptyLog
from services.audit.exports.errors import ExportNotFound, LinkExpired, RangeEmpty, TooManyExports
from services.audit.exports.files import key_of
from services.audit.exports.model import MOST_UNFINISHED, Export, Wanted
from services.audit.log.sequencer import append
from services.audit.records.own import own_record
from services.audit.records.personal.keys import Keys, personal_id

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))
REQUESTED, FETCHED = "audit.export.requested", "audit.export.downloaded"
TARGET = "export"
TICK = timedelta(microseconds=1)
"""The finest time that a leaf tells."""
LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 0))"


async def ask(
    tx: Tx,
    tenant_id: UUID,
    received: tuple[datetime | None, datetime | None],
    wanted: Wanted | None,
    *,
    by: tuple[str, str],
    language: str,
    shows_personal: bool,
    reason: str | None,
    keys: Keys,
    now: datetime,
) -> dict[str, Any]:
    """Queue an export, as the worker. `received` is from when to before when; `by` is (id, type) of who asks, `reason` why.

    The request is a leaf, received after all that there is: whatever the range, a leaf that is not in it follows, and
    shows that nothing was left out at its end. Raises EmptyLog, RangeEmpty, TooManyExports.
    """
    await tx.execute(LOCK, f"{tx.service} exports {tenant_id}")
    if await queries.unfinished(tx, tenant_id=tenant_id) >= MOST_UNFINISHED:
        raise TooManyExports(
            f"{MOST_UNFINISHED} exports of this tenant are waiting or being written; wait for one of them",
            french=f"{MOST_UNFINISHED} exports de ce client sont en attente ou en cours ; attendez la fin de l'un d'eux",
            headers={"Retry-After": "10"},
        )
    last = await queries.last_received(tx, tenant_id=tenant_id)
    if last is None:
        raise EmptyLog("there is no record of this tenant yet")
    asked_at = max(now, last + TICK)
    start, end = received[0], min(received[1] or asked_at, asked_at)
    if start is not None and start >= end:
        raise RangeEmpty(
            "received_from must lie in the past and before received_to",
            french="received_from doit être passé et antérieur à received_to",
        )
    export_id = uuid7()
    asked = {
        "received_from": start.isoformat() if start else None,
        "received_to": end.isoformat(),
        "filter": wanted.told() if wanted else None,
        "reason": reason,
    }
    request = own_record(tenant_id, REQUESTED, (TARGET, str(export_id)), asked, asked_at, crud="r")
    personal = personal_id(("actor", "id"), request.actor_id)
    [(_, leaf)] = await append(tx, await keys.seal(tx, [replace(request, personal=personal)]), asked_at)
    await queries.ask(
        tx,
        tenant_id=tenant_id,
        export_id=export_id,
        asked_by=by[0],
        asked_by_type=by[1],
        asked_at=asked_at,
        language=language,
        shows_personal=shows_personal,
        received_from=start,
        received_to=end,
        filter=asdict(wanted) if wanted else None,
        request_leaf=leaf,
    )
    return await one(tx, tenant_id, export_id)


async def one(tx: ReadTx, tenant_id: UUID, export_id: UUID) -> dict[str, Any]:
    """Raises ExportNotFound."""
    row = await queries.one(tx, tenant_id=tenant_id, export_id=export_id)
    if row is None:
        raise ExportNotFound(f"there is no export {export_id}")
    return dict(row)


async def fetch(tx: Tx, tenant_id: UUID, export_id: UUID, now: datetime) -> tuple[str, dict[str, Any]]:
    """(key of the file, the export), as the worker; that it was fetched is a record. Raises LinkExpired."""
    row = await queries.count_download(tx, tenant_id=tenant_id, export_id=export_id)
    if row is None:
        raise LinkExpired("the file is not there any more; ask for another export")
    told = {"records": row["records"], "bytes": row["bytes"]}
    await append(tx, [own_record(tenant_id, FETCHED, (TARGET, str(export_id)), told, now, crud="r")], now)
    return key_of(tenant_id, export_id, bytes(row["sha256"])), dict(row)


async def expire(tx: Tx, now: datetime, most: int) -> list[str]:
    """Mark what is past its time; answers the keys of the files that are nobody's now."""
    gone = await rows(queries.expire(tx, now=now, most=most))
    return [key_of(row["tenant_id"], row["export_id"], bytes(row["sha256"])) for row in gone]


def export_of(tenant_id: UUID, export_id: UUID, row: Any) -> Export:
    """A job as `begin` gives it."""
    return Export(
        tenant_id=tenant_id,
        export_id=export_id,
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        language=row["language"],
        shows_personal=row["shows_personal"],
        received_from=row["received_from"],
        received_to=row["received_to"],
        wanted=Wanted.of(row["filter"]),
        request_leaf=row["request_leaf"],
    )
