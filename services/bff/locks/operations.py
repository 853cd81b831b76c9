"""Steps of a lock action, each one transaction: what is asked for, what was proven, what is about to be sent, how it ended.

A step changes the row only as it was when it was taken, so that of two processes one goes on.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.context import current_origin, use_origin
from chassis.db import ReadTx, Tx
from chassis.ids import uuid7
from contracts.lock_actions import (
    LockActionCompletedV1,
    LockActionFailedV1,
    LockActionRequestedV1,
    LockVerb,
)
from contracts.receipts import Receipt
from services.bff.door import Guest
from services.bff.locks.errors import LockActionNotFound
from services.bff.locks.model import Action
from services.bff.locks.store import queries
from services.bff.sessions.operations import require_still_admitted


async def request(
    tx: Tx, guest: Guest, lock_id: str, verb: LockVerb, property_code: str, now: datetime, deadline: float
) -> UUID:
    """Write down what is asked for, and say so; nothing is sent. Answers its id.

    Raises TenantDisabled, MemberDeactivated, DeviceUnknown.
    """
    await require_still_admitted(tx, guest)
    action_id = uuid7()
    told: dict[str, Any] = {
        "tenant_id": guest.tenant_id,
        "action_id": action_id,
        "property": property_code,
        "lock_id": lock_id,
        "action": verb,
        "member_id": guest.member_id,
        "device_id": guest.device_id,
        "requested_at": now,
        "expires_at": now + timedelta(seconds=deadline),
    }
    event_id = await outbox.add(tx, LockActionRequestedV1(**told), aggregate_version=1)
    correlation_id = current_origin().correlation_id or str(event_id)
    await queries.add_action(tx, **told, event_id=event_id, correlation_id=correlation_id)
    return action_id


async def read(tx: ReadTx, guest: Guest, action_id: UUID) -> Mapping[str, Any]:
    """Raises LockActionNotFound for what is not there, and for one at a property of others."""
    row: Mapping[str, Any] | None = await queries.action_by_id(
        tx, tenant_id=guest.tenant_id, action_id=action_id
    )
    if row is None or row["property"] not in guest.scope.properties:
        raise LockActionNotFound(
            f"there is no lock action {action_id} that you may see",
            french=f"il n'y a pas d'action {action_id} que vous puissiez voir",
        )
    return row


async def note_receipt(
    tx: Tx, action: Action, receipt: Receipt, now: datetime, until: datetime
) -> Action | None:
    """None where somebody else has gone on with it."""
    row = await queries.note_receipt(
        tx,
        **held(action),
        leaf_index=receipt.leaf_index,
        checkpoint=receipt.checkpoint,
        now=now,
        until=until,
    )
    return moved(action, row)


async def note_sending(tx: Tx, action: Action, now: datetime, until: datetime) -> Action | None:
    return moved(action, await queries.note_sending(tx, **held(action), now=now, until=until))


async def note_unknown(tx: Tx, action: Action, detail: str, until: datetime) -> Action | None:
    return moved(action, await queries.note_unknown(tx, **held(action), detail=detail[:500], until=until))


async def put_off(tx: Tx, action: Action, until: datetime) -> None:
    await queries.put_off(tx, **held(action), until=until)


async def succeed(tx: Tx, action: Action, detail: str, now: datetime) -> None:
    ended = await end(tx, action, "success", None, detail, now)
    if ended is not None:
        completed = LockActionCompletedV1(**action.told(), completed_at=now)
        await say(tx, ended, completed)


async def fail(tx: Tx, action: Action, code: str, detail: str, now: datetime) -> None:
    ended = await end(tx, action, "error", code, detail, now)
    if ended is not None:
        await say(tx, ended, LockActionFailedV1(**action.told(), code=code, failed_at=now))


async def end(
    tx: Tx, action: Action, state: str, code: str | None, detail: str, now: datetime
) -> Action | None:
    row = await queries.end_action(
        tx, **held(action), state=state, code=code, detail=detail[:500] or None, now=now
    )
    return moved(action, row)


async def say(tx: Tx, action: Action, outcome: LockActionCompletedV1 | LockActionFailedV1) -> None:
    """Under the correlation of the request, which caused it."""
    origin = use_origin(
        correlation_id=action.correlation_id, causation_id=str(action.event_id), actor_type="system"
    )
    with origin:
        await outbox.add(tx, outcome, aggregate_version=action.row_version)


def held(action: Action) -> dict[str, Any]:
    """The row as it was taken."""
    return {
        "tenant_id": action.tenant_id,
        "action_id": action.action_id,
        "row_version": action.row_version,
    }


def moved(action: Action, row: Mapping[str, Any] | None) -> Action | None:
    return None if row is None else replace(action, state=row["state"], row_version=row["row_version"])
