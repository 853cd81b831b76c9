"""What is written and said of a gap. One that is said is a page, and halts lock actions where its source is critical."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

import structlog

from chassis import outbox
from chassis.context import use_origin
from chassis.db import Tx
from chassis.gaps import Hole
from contracts.audit import GapDetectedV1, GapEvent, GapRepairedV1
from contracts.subjects import SERVICES, source_of
from services.audit.gaps import halts, store
from services.audit.gaps.store import Heard, Missing

log = structlog.get_logger(__name__)
GAPS = UUID("5a0f1d0e-7c1b-5d0a-9a53-3d6f0e6f2b11")
"""Namespace of gap ids, which are made of what the gap is."""
CRITICAL = frozenset({source_of("bff")})
"""While something of these is missing, no lock is told anything."""
SOURCES = tuple(source_of(service) for service in SERVICES)


def gap_id_of(hole: Hole) -> UUID:
    """The same hole has the same id in every process."""
    return uuid5(GAPS, f"{hole.source}\n{hole.epoch}\n{hole.first}\n{hole.last}")


async def open_gap(tx: Tx, hole: Hole, since: datetime) -> None:
    """A replay of these numbers is asked for; if that fills them in time, nothing is said."""
    await store.open_gap(tx, gap_id_of(hole), hole, since)


async def lose_gap(tx: Tx, hole: Hole, now: datetime) -> None:
    """Numbers of a gap are gone for good at their source: there is nothing to wait for."""
    for gap in await store.lose_gap(tx, hole, now):
        await alarm(tx, gap, now)


async def settle_gaps(tx: Tx, now: datetime) -> None:
    """Gaps whose numbers have all arrived are repaired; of those that were said, so is that, once."""
    for gap, was_said in await store.settle_gaps(tx, now):
        if was_said:
            await repaired(tx, gap, now)


async def alarm_gaps(tx: Tx, now: datetime, patience: timedelta) -> None:
    """Say what no replay has filled in time."""
    for gap in await store.alarm_gaps(tx, now - patience, now):
        await alarm(tx, gap, now)


async def watch_silence(tx: Tx, listening_since: datetime, now: datetime, patience: timedelta) -> None:
    """Say which sources have not been heard of, nor their heartbeats, for so long, and which are heard again.

    Counted from `listening_since` at the earliest: what nobody listened to was not silent.
    """
    heard = await store.heard_from(tx)
    speaking = [source for source in SOURCES if source in heard and now - heard[source].at < patience]
    for gap in await store.end_silences(tx, speaking, now):
        await repaired(tx, gap, now)
    if now - listening_since < patience:
        return
    for source in SOURCES:
        if source not in speaking:
            gap = silence_of(source, heard.get(source))
            if await store.open_silence(tx, gap, now):
                await alarm(tx, gap, now)


def silence_of(source: str, heard: Heard | None) -> Missing:
    """Named by the last number that was heard, so that each silence has an id of its own."""
    epoch, first = (heard.epoch, heard.last + 1) if heard else ("", 1)
    at = heard.at.isoformat() if heard else ""
    return Missing(uuid5(GAPS, f"silence\n{source}\n{epoch}\n{at}"), source, epoch, first, None)


async def alarm(tx: Tx, gap: Missing, now: datetime) -> None:
    """The event and the page; under a critical source the halt."""
    log.error(
        "audit.gap.detected",
        gap_id=str(gap.gap_id),
        source=gap.source,
        epoch=gap.epoch,
        first=gap.first,
        last=gap.last,
    )
    await _say_of_gap(tx, GapDetectedV1, gap, 1)
    if gap.source in CRITICAL:
        await halts.halt(tx, "gap", str(gap.gap_id), now)


async def repaired(tx: Tx, gap: Missing, now: datetime) -> None:
    await _say_of_gap(tx, GapRepairedV1, gap, 2)
    await halts.end_for_gap(tx, gap.gap_id, now)


async def _say_of_gap(tx: Tx, event: type[GapEvent], gap: Missing, version: int) -> None:
    told = event(gap_id=gap.gap_id, source=gap.source, epoch=gap.epoch, first=gap.first, last=gap.last)
    with use_origin(correlation_id=str(gap.gap_id), actor_type="system"):
        await outbox.add(tx, told, aggregate_version=version)
