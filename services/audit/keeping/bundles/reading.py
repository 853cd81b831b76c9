"""Records of a tenant in the order of the log, wherever they lie: the table, or bundles of months that left it."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, load_queries
from services.audit.keeping.bundles.files import BundleFiles
from services.audit.keeping.bundles.format import FrameDamaged, rows_of
from services.audit.keeping.errors import BundleDamaged
from services.audit.log.merkle import TILE_WIDTH

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))
Row = dict[str, Any]


def key_of(tenant_id: UUID, first: int, end: int) -> str:
    return f"{tenant_id}/{first:020d}-{end:020d}.bundle"


class Reader:
    """Reads over the seam; whoever asks does not see where it is. Raises BundleDamaged."""

    def __init__(self, files: BundleFiles) -> None:
        self._files = files

    async def rows_from(self, tx: ReadTx, tenant_id: UUID, first: int, most: int) -> list[Row]:
        """At most `most` records from leaf `first` on, in order; fewer only at the end of the log. Left out is only what is
        past the time for which records are kept.
        """
        found: list[Row] = []
        while len(found) < most:
            here = found[-1]["leaf_index"] + 1 if found else first
            wanted = most - len(found)
            stored = queries.rows_from(tx, tenant_id=tenant_id, first=here, most=wanted)
            rows = side_by_side([dict(row) async for row in stored])
            if not rows or rows[0]["leaf_index"] != here:
                rows = await self._of_bundle(tx, tenant_id, here, wanted, rows)
            if not rows:
                break
            found += rows
        return found

    async def first_at(self, tx: ReadTx, tenant_id: UUID, at: datetime) -> int | None:
        """The first leaf that was received at `at` or later; None when there is none."""
        leaf: int | None = await queries.first_at(tx, tenant_id=tenant_id, at=at)
        if leaf == 0 or (
            leaf is not None and await queries.is_in_table(tx, tenant_id=tenant_id, leaf=leaf - 1)
        ):
            return leaf
        bundle = await queries.bundle_at(tx, tenant_id=tenant_id, at=at)
        if bundle is None:
            return leaf
        for number in range(len(bundle["offsets"])):
            for row in await self._frame(tenant_id, bundle, number):
                if row["received_at"] >= at:
                    return int(row["leaf_index"])
        raise BundleDamaged(f"the bundle of leaf {bundle['first_leaf']} ends before its last record")

    async def _of_bundle(
        self, tx: ReadTx, tenant_id: UUID, first: int, most: int, others: list[Row]
    ) -> list[Row]:
        """Those of one tile, from `first` on; `others` where the table has nearer ones than any bundle."""
        bundle = await queries.bundle_from(tx, tenant_id=tenant_id, leaf=first)
        if bundle is None:
            return others
        start = max(first, bundle["first_leaf"])
        if others and others[0]["leaf_index"] <= start:
            return others
        number = start // TILE_WIDTH - bundle["first_leaf"] // TILE_WIDTH
        rows = [row for row in await self._frame(tenant_id, bundle, number) if row["leaf_index"] >= start]
        if not rows or rows[0]["leaf_index"] != start:
            raise BundleDamaged(f"leaf {start} is not in the bundle that was sealed with it")
        return rows[:most]

    async def _frame(self, tenant_id: UUID, bundle: Any, number: int) -> list[Row]:
        key = key_of(tenant_id, bundle["first_leaf"], bundle["end_leaf"])
        ends = [*bundle["offsets"][1:], bundle["bytes"]]
        offset = bundle["offsets"][number]
        try:
            return await asyncio.to_thread(
                lambda: rows_of(self._files.read(key, offset, ends[number] - offset))
            )
        except FrameDamaged as error:
            raise BundleDamaged(f"the bundle {key}: {error}") from error


def side_by_side(rows: list[Row]) -> list[Row]:
    """Up to the first hole: a month in the middle may have left the table while a hold keeps the one before it."""
    for place, row in enumerate(rows):
        if row["leaf_index"] != rows[0]["leaf_index"] + place:
            return rows[:place]
    return rows
