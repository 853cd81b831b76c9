"""One typed function per named query."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import Tx, load_queries
from chassis.gaps import Hole

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def open_gap(tx: Tx, gap_id: UUID, hole: Hole, at: datetime) -> bool:
    """False when it, or a gap that holds it, is open already."""
    return (
        await queries.open_gap(
            tx,
            gap_id=gap_id,
            source=hole.source,
            epoch=hole.epoch,
            first=hole.first,
            last=hole.last,
            at=at,
        )
        is not None
    )


async def lose_gap(tx: Tx, hole: Hole) -> None:
    await queries.lose_gap(tx, source=hole.source, epoch=hole.epoch, first=hole.first, last=hole.last)


async def settle_gaps(tx: Tx, at: datetime) -> list[tuple[UUID, Hole]]:
    """The gaps that this call found whole."""
    rows = queries.settle_gaps(tx, at=at)
    return [
        (row["gap_id"], Hole(row["source"], row["epoch"], row["first"], row["last"])) async for row in rows
    ]
