"""Desk sessions: one open per device; a new one replaces the old and says so."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import Tx
from chassis.ids import uuid7
from contracts.bff import SessionClosedV1, SessionOpenedV1, SessionReplacedV1
from services.bff.door import Guest, deactivated
from services.bff.errors import PropertyOutOfScope, SessionNotFound
from services.bff.projector import queries


async def open_session(
    tx: Tx, guest: Guest, asked: Any, now: datetime, seconds: float
) -> tuple[UUID, datetime]:
    """Raises PropertyOutOfScope, MemberDeactivated. Answers the session and when it ends."""
    if asked.property not in guest.scope.properties:
        raise PropertyOutOfScope(f"you do not work at property {asked.property!r}")
    await require_still_active(tx, guest)
    session_id, expires_at = uuid7(), now + timedelta(seconds=seconds)
    who = {"tenant_id": guest.tenant_id, "device_id": guest.device_id}
    # A row lock is not enough: there may be no row yet, and who waited for one finds it closed and not its successor.
    await queries.one_at_a_time(tx, device_id=guest.device_id)
    earlier = await queries.open_session_of_device(tx, **who)
    if earlier is not None:
        await queries.close_session(tx, **who, session_id=earlier["session_id"], reason="replaced", now=now)
        replaced = SessionReplacedV1(
            tenant_id=guest.tenant_id,
            session_id=earlier["session_id"],
            device_id=guest.device_id,
            member_id=earlier["member_id"],
            replaced_by=session_id,
            replaced_at=now,
        )
        await outbox.add(tx, replaced, aggregate_version=earlier["row_version"] + 1)
    await queries.add_session(
        tx,
        **who,
        session_id=session_id,
        member_id=guest.member_id,
        property=asked.property,
        app_version=asked.app_version,
        os=asked.os,
        opened_at=now,
        expires_at=expires_at,
    )
    opened = SessionOpenedV1(
        tenant_id=guest.tenant_id,
        session_id=session_id,
        device_id=guest.device_id,
        member_id=guest.member_id,
        property=asked.property,
        app_version=asked.app_version,
        os=asked.os,
        opened_at=now,
        expires_at=expires_at,
    )
    await outbox.add(tx, opened, aggregate_version=1)
    return session_id, expires_at


async def require_still_active(tx: Tx, guest: Guest) -> None:
    """The door let the member in a moment ago; either this sees that it was deactivated, or that sees the new session.

    Raises MemberDeactivated.
    """
    who = {"tenant_id": guest.tenant_id, "member_id": guest.member_id}
    await queries.one_word_about_a_member(tx, **who)
    row = await queries.member_by_id(tx, **who)
    if row is not None and not row["is_active"]:
        raise deactivated()


async def close_session(tx: Tx, guest: Guest, session_id: UUID, now: datetime) -> None:
    """Raises SessionNotFound."""
    who = {"tenant_id": guest.tenant_id, "device_id": guest.device_id, "session_id": session_id}
    row = await queries.close_session(tx, **who, reason="closed", now=now)
    if row is None:
        raise SessionNotFound(f"there is no open session {session_id} on this device")
    closed = SessionClosedV1(
        tenant_id=guest.tenant_id,
        session_id=session_id,
        device_id=guest.device_id,
        member_id=row["member_id"],
        reason="closed",
        closed_at=now,
    )
    await outbox.add(tx, closed, aggregate_version=row["row_version"])


async def beat(tx: Tx, guest: Guest, session_id: UUID, heartbeat: dict[str, Any], now: datetime) -> datetime:
    """Raises SessionNotFound. Answers when the session ends."""
    row = await queries.beat(
        tx,
        tenant_id=guest.tenant_id,
        device_id=guest.device_id,
        session_id=session_id,
        heartbeat=heartbeat,
        now=now,
    )
    if row is None:
        raise SessionNotFound(f"there is no open session {session_id} on this device; open a new one")
    expires_at: datetime = row["expires_at"]
    return expires_at
