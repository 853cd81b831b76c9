"""Placing and releasing legal holds, and asking whether one stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, load_queries, rows
from chassis.ids import uuid7
from contracts.audit import HoldPlacedV1, HoldReleasedV1
from services.audit.keeping.errors import Held, HoldEmpty, HoldNotFound, HoldReleased

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))
LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What is held: a tenant's records, those of a time of receipt, or what concerns one subject."""

    reason: str
    received_from: datetime | None = None
    received_to: datetime | None = None
    subject: str | None = None
    until: datetime | None = None


async def place(tx: Tx, tenant_id: UUID, hold: Hold, by: str, now: datetime) -> dict[str, Any]:
    """As the worker. The event is the record of it. Raises HoldEmpty."""
    if hold.received_from and hold.received_to and hold.received_from >= hold.received_to:
        raise HoldEmpty("received_from must come before received_to")
    if hold.until and hold.until <= now:
        raise HoldEmpty("until must lie in the future")
    await lock(tx, tenant_id)
    hold_id = uuid7()
    await queries.place(
        tx,
        tenant_id=tenant_id,
        hold_id=hold_id,
        received_from=hold.received_from,
        received_to=hold.received_to,
        subject=hold.subject,
        reason=hold.reason,
        placed_by=by,
        placed_at=now,
        until=hold.until,
    )
    placed = HoldPlacedV1(
        tenant_id=tenant_id,
        hold_id=hold_id,
        received_from=hold.received_from,
        received_to=hold.received_to,
        subject=hold.subject,
        until=hold.until,
    )
    await outbox.add(tx, placed, aggregate_version=1)
    return await one(tx, tenant_id, hold_id)


async def release(
    tx: Tx, tenant_id: UUID, hold_id: UUID, reason: str, by: str, now: datetime
) -> dict[str, Any]:
    """As the worker. Raises HoldNotFound, HoldReleased."""
    row = await queries.locked(tx, tenant_id=tenant_id, hold_id=hold_id)
    if row is None:
        raise HoldNotFound(f"there is no legal hold {hold_id}")
    if row["released_at"] is not None:
        raise HoldReleased(f"{row['released_by']} released it at {row['released_at'].isoformat()}")
    await queries.release(tx, tenant_id=tenant_id, hold_id=hold_id, by=by, at=now, reason=reason)
    released = HoldReleasedV1(
        tenant_id=tenant_id,
        hold_id=hold_id,
        received_from=row["received_from"],
        received_to=row["received_to"],
        subject=row["subject"],
        until=row["until"],
    )
    await outbox.add(tx, released, aggregate_version=row["row_version"] + 1)
    return await one(tx, tenant_id, hold_id)


async def one(tx: ReadTx, tenant_id: UUID, hold_id: UUID) -> dict[str, Any]:
    """Raises HoldNotFound."""
    row = await queries.one(tx, tenant_id=tenant_id, hold_id=hold_id)
    if row is None:
        raise HoldNotFound(f"there is no legal hold {hold_id}")
    return dict(row)


async def covering(tx: ReadTx, tenant_id: UUID, subject: str, now: datetime) -> dict[str, Any] | None:
    """The hold that keeps this subject's data, if there is one: its id, reason, by whom, since and until when."""
    row = await queries.covering(tx, tenant_id=tenant_id, subject=subject, at=now)
    return None if row is None else dict(row)


async def refuse_when_held(tx: Tx, tenant_id: UUID, subject: str, now: datetime) -> None:
    """Before erasing, in the transaction that does it: no hold can be placed until it has ended. Raises Held."""
    await lock(tx, tenant_id)
    found = await covering(tx, tenant_id, subject, now)
    if found is not None:
        raise held_by(found)


def held_by(hold: Mapping[str, Any]) -> Held:
    return Held(
        f"the legal hold {hold['hold_id']} keeps this: {hold['reason']}",
        french=f"la conservation légale {hold['hold_id']} s'y oppose : {hold['reason']}",
        hold_id=str(hold["hold_id"]),
    )


async def of_subjects(tx: ReadTx, tenant_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """The standing holds that name a person, who may have other names than the one in the hold."""
    return await rows(queries.of_subjects(tx, tenant_id=tenant_id, at=now))


async def lock(tx: Tx, tenant_id: UUID) -> None:
    """Placing a hold, and erasing or dropping what it may cover, happen one after the other."""
    await tx.execute(LOCK, f"{tx.service} holds {tenant_id}")
