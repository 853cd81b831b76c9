"""Ends sessions and says so: rows and events in one transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import Tx, rows
from contracts.bff import SessionClosedV1
from services.bff.sessions.store import queries


async def end(tx: Tx, tenant_id: UUID, session_id: UUID, reason: str, now: datetime) -> bool:
    """False for a session that had ended before; else it is closed and said to be, for whoever comes first."""
    row = await queries.close_session(tx, tenant_id=tenant_id, session_id=session_id, reason=reason, now=now)
    if row is not None:
        await say(tx, row, reason, now)
    return row is not None


async def end_all(
    tx: Tx,
    tenant_id: UUID,
    reason: str,
    now: datetime,
    *,
    member_id: str | None = None,
    device_id: UUID | None = None,
) -> None:
    """Of one member or one device where they are named, else of the whole tenant."""
    whose = {"tenant_id": tenant_id, "member_id": member_id, "device_id": device_id}
    for row in await rows(queries.close_sessions(tx, **whose, reason=reason, now=now)):
        await say(tx, row, reason, now)


async def say(tx: Tx, row: Any, reason: str, now: datetime) -> None:
    closed = SessionClosedV1(
        tenant_id=row["tenant_id"],
        session_id=row["session_id"],
        device_id=row["device_id"],
        member_id=row["member_id"],
        reason=reason,
        closed_at=now,
    )
    await outbox.add(tx, closed, aggregate_version=row["row_version"])
