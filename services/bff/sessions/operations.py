"""What members do with desk sessions: open one, keep it, close it. One is open per device; a new one replaces it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx
from chassis.ids import uuid7
from contracts.bff import SessionOpenedV1, SessionReplacedV1
from services.bff.door import OPEN_STATES, Guest, deactivated
from services.bff.errors import (
    DeviceUnknown,
    PropertyOutOfScope,
    SessionEnded,
    SessionNotFound,
    TenantDisabled,
)
from services.bff.projector import queries as directory
from services.bff.sessions import endings
from services.bff.sessions.model import Limits, Session, is_worth_a_write
from services.bff.sessions.store import queries


async def open_session(tx: Tx, guest: Guest, asked: Any, now: datetime, limits: Limits) -> Session:
    """Raises PropertyOutOfScope, TenantDisabled, MemberDeactivated, DeviceUnknown."""
    require_property(guest, asked.property)
    await require_still_admitted(tx, guest)
    who = {"tenant_id": guest.tenant_id, "device_id": guest.device_id}
    session = Session(
        session_id=uuid7(),
        device_id=guest.device_id,
        member_id=guest.member_id,
        property=asked.property,
        opened_at=now,
        expires_at=now + limits.absolute,
        last_seen_at=now,
        closed_at=None,
        close_reason=None,
    )
    earlier = await queries.open_session_of_device(tx, **who)
    if earlier is not None:
        await replace(tx, guest, earlier, session)
    told = {
        **who,
        "session_id": session.session_id,
        "member_id": session.member_id,
        "property": session.property,
        "app_version": asked.app_version,
    }
    opened = {"os": asked.os, "opened_at": now, "expires_at": session.expires_at}
    await queries.add_session(tx, **told, **opened, due_at=session.due_at(limits))
    await queries.device_at_work(tx, **told, now=now)
    await outbox.add(tx, SessionOpenedV1(**told, **opened), aggregate_version=1)
    return session


async def replace(tx: Tx, guest: Guest, earlier: Mapping[str, Any], session: Session) -> None:
    """`earlier` is the open session of the device, locked."""
    who = {"tenant_id": guest.tenant_id, "session_id": earlier["session_id"]}
    await queries.close_session(tx, **who, reason="replaced", now=session.opened_at)
    replaced = SessionReplacedV1(
        **who,
        device_id=guest.device_id,
        member_id=earlier["member_id"],
        replaced_by=session.session_id,
        replaced_at=session.opened_at,
    )
    await outbox.add(tx, replaced, aggregate_version=earlier["row_version"] + 1)


def require_property(guest: Guest, name: str) -> None:
    """Raises PropertyOutOfScope."""
    if name not in guest.scope.properties:
        raise PropertyOutOfScope(
            f"you do not work at property {name!r}",
            french=f"vous ne travaillez pas dans l'établissement {name!r}",
        )


async def require_still_admitted(tx: Tx, guest: Guest) -> None:
    """The door let the caller in a moment ago; either this sees what changed since, or that sees the new session.

    Row locks are not enough for member and device: there may be no row yet, and who waited for the open session of a
    device finds it closed and not its successor. Raises TenantDisabled, MemberDeactivated, DeviceUnknown.
    """
    member = {"tenant_id": guest.tenant_id, "member_id": guest.member_id}
    device = {"tenant_id": guest.tenant_id, "device_id": guest.device_id}
    status = await queries.tenant_stays(tx, tenant_id=guest.tenant_id)
    if status is not None and status not in OPEN_STATES:
        raise TenantDisabled("this tenant may not come in now")
    await queries.one_word_about_a_member(tx, **member)
    row = await directory.member_by_id(tx, **member)
    if row is not None and not row["is_active"]:
        raise deactivated()
    await queries.one_at_a_time(tx, device_id=guest.device_id)
    if await queries.is_device_revoked(tx, **device):
        raise DeviceUnknown("this device was revoked; enrol it again")


async def read(tx: ReadTx, guest: Guest, session_id: UUID) -> Mapping[str, Any]:
    """The row of a session of this member on this device, ended or not. Raises SessionNotFound."""
    row = await queries.session_by_id(tx, tenant_id=guest.tenant_id, session_id=session_id)
    return require_own(row, guest, session_id)


def require_own(row: Mapping[str, Any] | None, guest: Guest, session_id: UUID) -> Mapping[str, Any]:
    """Raises SessionNotFound."""
    if row is None or (row["device_id"], row["member_id"]) != (guest.device_id, guest.member_id):
        raise SessionNotFound(
            f"you have no session {session_id} on this device",
            french=f"vous n'avez pas de session {session_id} sur cet appareil",
        )
    return row


def require_open(session: Session, limits: Limits, now: datetime) -> None:
    """Raises SessionEnded."""
    ended = session.end(limits, now)
    if ended is not None:
        reason, at = ended
        raise SessionEnded(
            f"session {session.session_id} has ended ({reason}); open a new one",
            french=f"la session {session.session_id} est terminée ({reason}) ; ouvrez-en une nouvelle",
            reason=reason,
            ended_at=at.isoformat(),
        )


async def in_use(tx: ReadTx, guest: Guest, session_id: UUID, limits: Limits, now: datetime) -> Session:
    """The caller's session, while it may work in it. Raises SessionNotFound, SessionEnded, PropertyOutOfScope."""
    row = await queries.session_by_id(tx, tenant_id=guest.tenant_id, session_id=session_id)
    return usable(row, guest, session_id, limits, now)


def usable(
    row: Mapping[str, Any] | None, guest: Guest, session_id: UUID, limits: Limits, now: datetime
) -> Session:
    """As `in_use`, of the session's row."""
    session = Session.read(require_own(row, guest, session_id))
    require_open(session, limits, now)
    require_property(guest, session.property)
    return session


async def open_one(tx: ReadTx, guest: Guest, limits: Limits, now: datetime) -> Session | None:
    """The open session of this member on this device; None where there is none, or it may not work there any more."""
    row = await queries.session_of_device(tx, tenant_id=guest.tenant_id, device_id=guest.device_id)
    session = None if row is None else Session.read(row)
    if session is None or session.member_id != guest.member_id or session.end(limits, now) is not None:
        return None
    return session if session.property in guest.scope.properties else None


async def close(tx: Tx, guest: Guest, session_id: UUID, limits: Limits, now: datetime) -> None:
    """Raises SessionNotFound, SessionEnded."""
    require_open(Session.read(await read(tx, guest, session_id)), limits, now)
    if not await endings.end(tx, guest.tenant_id, session_id, "closed", now):
        # Somebody else was first, between the two statements.
        require_open(Session.read(await read(tx, guest, session_id)), limits, now)


async def beat(
    tx: Tx, guest: Guest, session_id: UUID, asked: Any, behind: int | None, limits: Limits, now: datetime
) -> Session:
    """Keeps the session, and how the desktop is where that is worth a write; else only reads.

    `behind`: how many events of its own the desktop has not seen, as far as known. Raises SessionNotFound, SessionEnded,
    PropertyOutOfScope.
    """
    row = await read(tx, guest, session_id)
    session = Session.read(row)
    require_open(session, limits, now)
    require_property(guest, session.property)
    told = {"app_version": asked.app_version, "queue_depth": asked.queue_depth}
    if is_worth_a_write(row, told, limits, now):
        oldest = asked.oldest_queued
        await queries.beat(
            tx,
            **told,
            tenant_id=guest.tenant_id,
            device_id=guest.device_id,
            session_id=session_id,
            member_id=session.member_id,
            property=session.property,
            oldest_queued_at=None if oldest is None else now - timedelta(seconds=oldest),
            clock_offset=asked.clock_offset,
            cursor=asked.cursor,
            behind=behind,
            now=now,
        )
    return session
