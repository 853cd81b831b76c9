"""Halts of lock actions: durable, for all tenants, under which no receipt is given; resumed per tenant by two operators.

A halt for a gap of a critical source ends for all when the gap is repaired, for then nothing is missing any more. The
others end for one tenant at a time: one operator asks with the id of an incident, another one confirms.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from chassis import outbox
from chassis.db import ReadTx, Tx, load_queries, rows
from chassis.ids import uuid7
from contracts.audit import Cause, LockActionsHaltedV1, LockActionsResumedV1
from services.audit.errors import (
    LockActionsHalted,
    LockActionsNotHalted,
    OtherIncident,
    SecondOperatorNeeded,
)

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("halts.sql"))
FIRST_WORD_HOLDS = timedelta(hours=1)
"""After that the second word is a first one again."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a word of an operator did to one halt."""

    halt_id: UUID
    is_resumed: bool


async def refuse_when_halted(tx: ReadTx, tenant_id: UUID) -> None:
    """Raises LockActionsHalted; to be asked in the transaction that makes a receipt."""
    halt_id = await queries.halt_of_tenant(tx, tenant_id=tenant_id)
    if halt_id is not None:
        raise LockActionsHalted(
            "lock actions are halted; two operators resume them for this tenant", halt_id=str(halt_id)
        )


async def halt(tx: Tx, cause: Cause, evidence: str, now: datetime, reason: str | None = None) -> UUID:
    """Halt all lock actions and say so; the halt that is in force already where there is one of this cause."""
    await queries.one_at_a_time(tx)
    known: UUID | None = await queries.halt_for_all(tx, cause=cause, evidence=evidence)
    if known is not None:
        return known
    halt_id = uuid7()
    await queries.add_halt(tx, halt_id=halt_id, cause=cause, evidence=evidence, reason=reason, now=now)
    halted = LockActionsHaltedV1(halt_id=halt_id, cause=cause, evidence=evidence, halted_at=now)
    await outbox.add(tx, halted, aggregate_version=1)
    # A page.
    log.error("audit.lock_actions.halted", halt_id=str(halt_id), cause=cause, evidence=evidence)
    return halt_id


async def end_for_gap(tx: Tx, gap_id: UUID, now: datetime) -> None:
    """The gap is repaired: its halt, if it made one, is over for all."""
    halt_id = await queries.end_halt_for_gap(tx, evidence=str(gap_id), now=now)
    if halt_id is not None:
        ended = LockActionsResumedV1(
            tenant_id=None,
            halt_id=halt_id,
            incident=None,
            asked_by=None,
            confirmed_by=None,
            resumed_at=now,
        )
        await outbox.add(tx, ended, aggregate_version=2)
        log.warning("audit.lock_actions.ended", halt_id=str(halt_id), gap_id=str(gap_id))


async def resume(tx: Tx, tenant_id: UUID, incident: str, operator: str, now: datetime) -> list[Resumption]:
    """One operator's word for one tenant: the first one asks, the second one's resumes. A halt that came between the
    two needs two words of its own.

    Raises LockActionsNotHalted, SecondOperatorNeeded, OtherIncident.
    """
    await queries.one_at_a_time(tx)
    found = await rows(queries.halts_to_resume(tx, tenant_id=tenant_id))
    if not found:
        raise LockActionsNotHalted("lock actions are not halted for this tenant")
    open_words = [row for row in found if is_open(row, now)]
    for row in open_words:
        if row["incident"] != incident:
            raise OtherIncident(
                f"another operator asked for incident {row['incident']!r}", incident=row["incident"]
            )
    if len(open_words) == len(found) and all(row["asked_by"] == operator for row in open_words):
        raise SecondOperatorNeeded("you have asked; another operator has to confirm")
    return [await _speak(tx, tenant_id, row, incident, operator, now) for row in found]


def is_open(row: Any, now: datetime) -> bool:
    """Whether somebody has asked, and the word still holds."""
    return row["asked_at"] is not None and now - row["asked_at"] < FIRST_WORD_HOLDS


async def _speak(
    tx: Tx, tenant_id: UUID, row: Any, incident: str, operator: str, now: datetime
) -> Resumption:
    place = {"tenant_id": tenant_id, "halt_id": row["halt_id"], "operator": operator, "now": now}
    if not is_open(row, now):
        await queries.ask(tx, **place, incident=incident)
        return Resumption(row["halt_id"], False)
    if row["asked_by"] == operator:
        return Resumption(row["halt_id"], False)
    await queries.confirm(tx, **place)
    resumed = LockActionsResumedV1(
        tenant_id=tenant_id,
        halt_id=row["halt_id"],
        incident=incident,
        asked_by=row["asked_by"],
        confirmed_by=operator,
        resumed_at=now,
    )
    await outbox.add(tx, resumed, aggregate_version=2)
    log.warning("audit.lock_actions.resumed", tenant_id=str(tenant_id), halt_id=str(row["halt_id"]))
    return Resumption(row["halt_id"], True)
