"""What is written and said of a gap."""

from datetime import datetime
from uuid import UUID, uuid5

from chassis import outbox
from chassis.context import use_origin
from chassis.db import Tx
from chassis.gaps import Hole
from contracts.audit import GapDetectedV1, GapEvent, GapRepairedV1
from services.audit.gaps import store

GAPS = UUID("5a0f1d0e-7c1b-5d0a-9a53-3d6f0e6f2b11")
"""Namespace of gap ids, which are made of what the gap is."""


def gap_id_of(hole: Hole) -> UUID:
    """The same hole has the same id in every process."""
    return uuid5(GAPS, f"{hole.source}\n{hole.epoch}\n{hole.first}\n{hole.last}")


async def open_gap(tx: Tx, hole: Hole, since: datetime) -> None:
    """Say that numbers are missing, unless it was said."""
    gap_id = gap_id_of(hole)
    if await store.open_gap(tx, gap_id, hole, since):
        await _say_of_gap(tx, GapDetectedV1, gap_id, hole, 1)


async def lose_gap(tx: Tx, hole: Hole) -> None:
    """Numbers of a gap are gone for good at their source."""
    await store.lose_gap(tx, hole)


async def settle_gaps(tx: Tx, now: datetime) -> None:
    """Say of every gap whose numbers have all arrived that it is repaired; of each once."""
    for gap_id, hole in await store.settle_gaps(tx, now):
        await _say_of_gap(tx, GapRepairedV1, gap_id, hole, 2)


async def _say_of_gap(tx: Tx, event: type[GapEvent], gap_id: UUID, hole: Hole, version: int) -> None:
    told = event(gap_id=gap_id, source=hole.source, epoch=hole.epoch, first=hole.first, last=hole.last)
    with use_origin(correlation_id=str(gap_id), actor_type="system"):
        await outbox.add(tx, told, aggregate_version=version)
