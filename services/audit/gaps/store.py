"""One typed function per named query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries
from chassis.gaps import Hole

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


@dataclass(frozen=True, slots=True)
class Missing:
    """A gap as it is said: `last` is None for a source that has fallen silent."""

    gap_id: UUID
    source: str
    epoch: str
    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Heard:
    """The last that was taken in from a source."""

    epoch: str
    last: int
    at: datetime


async def open_gap(tx: Tx, gap_id: UUID, hole: Hole, at: datetime) -> None:
    """Nothing where it, or a gap that holds it, is open already."""
    place = {"source": hole.source, "epoch": hole.epoch, "first": hole.first, "last": hole.last}
    await queries.open_gap(tx, gap_id=gap_id, **place, at=at)


async def lose_gap(tx: Tx, hole: Hole, at: datetime) -> list[Missing]:
    """Those that were not said so far."""
    rows = queries.lose_gap(tx, source=hole.source, epoch=hole.epoch, first=hole.first, last=hole.last, at=at)
    return [missing(row) async for row in rows if row["is_news"]]


async def settle_gaps(tx: Tx, at: datetime) -> list[tuple[Missing, bool]]:
    """The gaps that this call found whole, and whether each had been said."""
    return [(missing(row), row["was_said"]) async for row in queries.settle_gaps(tx, at=at)]


async def alarm_gaps(tx: Tx, before: datetime, at: datetime) -> list[Missing]:
    """Those that have been open since `before` and were not said."""
    return [missing(row) async for row in queries.alarm_gaps(tx, before=before, at=at)]


async def heard_from(tx: ReadTx) -> dict[str, Heard]:
    """By source."""
    rows = queries.heard_from(tx)
    return {row["source"]: Heard(row["epoch"], row["last"], row["updated_at"]) async for row in rows}


async def open_silence(tx: Tx, gap: Missing, at: datetime) -> bool:
    """False when the source's silence is open already."""
    found = await queries.open_silence(
        tx, gap_id=gap.gap_id, source=gap.source, epoch=gap.epoch, first=gap.first, at=at
    )
    return found is not None


async def end_silences(tx: Tx, sources: Sequence[str], at: datetime) -> list[Missing]:
    return [missing(row) async for row in queries.end_silences(tx, sources=list(sources), at=at)]


async def gaps(tx: ReadTx, *, is_open: bool, most: int) -> list[dict[str, Any]]:
    """The newest first."""
    return [dict(row) async for row in queries.gaps(tx, is_open=is_open, most=most)]


def missing(row: Any) -> Missing:
    return Missing(row["gap_id"], row["source"], row["epoch"], row["first"], row["last"])
