"""Holds what was asked of locks against what became of it and against what the vendor's own log tells.

Heard in the transaction that makes the events records. A receipt is given for a record alone, so a command that has one is
known here before any vendor can report it: what is reported and not known was given behind our back, and halts at once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog

from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.message_spans import handling
from chassis.rounds import go_round
from contracts.envelope import Message
from contracts.event import Event, UndecodableEvent
from contracts.lock_actions import (
    LockActionCompletedV1,
    LockActionFailedV1,
    LockActionReportedV1,
    LockActionRequestedV1,
)
from services.audit.gaps import halts
from services.audit.gaps.halts import queries

log = structlog.get_logger(__name__)
BATCH = 200
Verdict = Literal["recorded", "unrecorded", "repeated"]
HEARD: dict[str, type[Event]] = {
    event.type: event
    for event in (LockActionRequestedV1, LockActionCompletedV1, LockActionFailedV1, LockActionReportedV1)
}


async def observe(tx: Tx, messages: Sequence[Message], now: datetime, patience: timedelta) -> None:
    """What concerns locks among these messages. `patience`: until an outcome, or its report, is overdue."""
    for message in messages:
        if message.envelope.type in HEARD:
            with handling(message):
                await hear(tx, message, now, patience)


async def hear(tx: Tx, message: Message, now: datetime, patience: timedelta) -> None:
    """What cannot be read is a record all the same; a report that cannot be read may hide anything, and halts."""
    try:
        body = HEARD[message.envelope.type].read(message.data)
    except UndecodableEvent:
        log.exception("audit.lock_actions.unreadable", event_id=str(message.envelope.id))
        if message.envelope.type == LockActionReportedV1.type:
            await halts.halt(tx, "unrecorded_command", str(message.envelope.id), now)
        return
    await note(tx, body, now, patience)


async def note(tx: Tx, body: Event, now: datetime, patience: timedelta) -> None:
    if isinstance(body, LockActionRequestedV1):
        await queries.note_request(
            tx,
            **place_of(body),
            action_id=body.action_id,
            requested_at=body.requested_at,
            due_at=now + patience,
        )
    elif isinstance(body, LockActionCompletedV1 | LockActionFailedV1):
        await note_outcome(tx, body, now + patience)
    elif isinstance(body, LockActionReportedV1) and not await queries.is_report_known(
        tx, report_id=body.report_id
    ):
        await note_report(tx, body, now)


async def note_outcome(tx: Tx, body: LockActionCompletedV1 | LockActionFailedV1, due_at: datetime) -> None:
    """Done: its report has to come. Failed: none may come."""
    is_done = isinstance(body, LockActionCompletedV1)
    at = body.completed_at if isinstance(body, LockActionCompletedV1) else body.failed_at
    row = await queries.note_outcome(
        tx,
        tenant_id=body.tenant_id,
        action_id=body.action_id,
        outcome="completed" if is_done else "failed",
        at=at,
        due_at=due_at,
    )
    if row is not None and not is_done and row["reported_at"] is not None:
        say_of_contradiction(body.tenant_id, body.action_id)


async def note_report(tx: Tx, body: LockActionReportedV1, now: datetime) -> None:
    """A line of the vendor's log. Without a request of its own it halts everything."""
    verdict = await weigh(tx, body)
    key = None if body.key is None else text(body.key)
    told = {"report_id": body.report_id, "vendor": body.vendor, "entry": body.entry, "key": key}
    await queries.note_report(
        tx, **told, **place_of(body), executed_at=body.executed_at, verdict=verdict, now=now
    )
    if verdict != "recorded":
        log.error("audit.lock_actions.without_record", verdict=verdict, report_id=str(body.report_id))
        await halts.halt(tx, "unrecorded_command", str(body.report_id), now)


async def weigh(tx: Tx, body: LockActionReportedV1) -> Verdict:
    """A request answers for one execution of exactly what it says."""
    action_id = action_of(body.key)
    if body.tenant_id is None or action_id is None:
        return "unrecorded"
    request = await queries.request_of(tx, **place_of(body), action_id=action_id)
    if request is None:
        return "unrecorded"
    if request["reported_at"] is not None:
        return "repeated"
    await queries.note_execution(tx, tenant_id=body.tenant_id, action_id=action_id, at=body.executed_at)
    if request["outcome"] == "failed":
        say_of_contradiction(body.tenant_id, action_id)
    return "recorded"


def place_of(body: LockActionRequestedV1 | LockActionReportedV1) -> dict[str, object]:
    told = {name: text(getattr(body, name)) for name in ("property", "lock_id", "action")}
    return {"tenant_id": body.tenant_id, **told}


def text(told: str) -> str:
    """As PostgreSQL can hold it: whoever speaks to a vendor may send it anything."""
    return told.replace("\0", "\ufffd")


def action_of(key: str | None) -> UUID | None:
    """Our keys are ids of actions."""
    try:
        return UUID(key) if key else None
    except ValueError:
        return None


def say_of_contradiction(tenant_id: UUID, action_id: UUID) -> None:
    """A page: it was said to have failed, and the lock did it."""
    log.error("audit.lock_actions.done_and_failed", tenant_id=str(tenant_id), action_id=str(action_id))


class Reconciler:
    """A part of the runtime: warns, once each, of requests without an outcome and of outcomes without a report."""

    name = "lock-reconciler"

    def __init__(self, database: Database, clock: Clock, *, every: float) -> None:
        self._database = database
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        await self._database.wait_ready()
        await go_round(self.name, self.warn, self._every)

    async def warn(self) -> int:
        async with self._database.worker() as tx:
            found = await rows(queries.overdue(tx, now=self._clock.now(), most=BATCH))
        for row in found:
            log.warning(
                "audit.lock_actions.overdue",
                awaits="outcome" if row["outcome"] is None else "report",
                tenant_id=str(row["tenant_id"]),
                action_id=str(row["action_id"]),
                lock_id=row["lock_id"],
                requested_at=row["requested_at"].isoformat(),
            )
        return len(found)
