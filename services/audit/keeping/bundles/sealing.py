"""The part that seals closed months into bundles, lets old months leave the table, and ends what is past its time."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx, rows
from chassis.rounds import go_round
from services.audit.keeping.bundles.files import BundleFiles
from services.audit.keeping.bundles.format import MOST_LEAVES, frame_of
from services.audit.keeping.bundles.reading import key_of, queries
from services.audit.log import store
from services.audit.log.checkpoints import origin
from services.audit.log.merkle import TILE_WIDTH
from services.audit.log.note import Signer

log = structlog.get_logger(__name__)
SETTLING = timedelta(days=1)
"""After its end a month is left alone for so long: a clock that went back still writes into it."""
REFUSED = (
    asyncpg.ObjectInUseError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.NoDataFoundError,
)
MOST_EXPIRED = 100
LOCK = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))"


@dataclass(frozen=True, slots=True)
class Piece:
    """Leaves first…end-1 of one tree in one month: what becomes a bundle."""

    tenant_id: UUID
    month: date
    first: int
    end: int


def bounds_of(month: date) -> tuple[datetime, datetime]:
    """The month's first instant and the next one's, in UTC."""
    following = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    return tuple(datetime.combine(day, time(), UTC) for day in (month.replace(day=1), following))  # type: ignore[return-value]  # two days are two instants


def pieces_of(tenant_id: UUID, month: date, first: int, end: int) -> list[Piece]:
    """Cut at the borders of MOST_LEAVES, so that a frame is a whole tile wherever it can be."""
    borders = [first, *range((first // MOST_LEAVES + 1) * MOST_LEAVES, end, MOST_LEAVES), end]
    return [Piece(tenant_id, month, start, stop) for start, stop in itertools.pairwise(borders)]


class Keeper:
    """One process at a time, by advisory lock; each piece is a transaction of its own."""

    name = "audit-keeper"

    def __init__(
        self, database: Database, files: BundleFiles, signer: Signer, clock: Clock, *, every: float = 3600.0
    ) -> None:
        self._database = database
        self._files = files
        self._signer = signer
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        await self._database.wait_ready()
        await go_round(self.name, self.keep, self._every)

    async def keep(self) -> int:
        """Seal what is closed, drop what is old, expire what is past its time; answers how much was sealed or ended."""
        now = self._clock.now()
        async with self._database.platform_reading() as tx:
            months = [row["month"] for row in await rows(queries.months(tx))]
        sealed = 0
        for month in months:
            if bounds_of(month)[1] + SETTLING <= now:
                sealed += await self._seal(month, now)
                await self._drop(month, now)
        return sealed + await self._expire(now)

    async def _seal(self, month: date, now: datetime) -> int:
        opened, closed = bounds_of(month)
        async with self._database.platform_reading() as tx:
            trees = await rows(queries.unsealed(tx, opened=opened, closed=closed))
        pieces = [
            piece
            for tree in trees
            if tree["first_leaf"] < tree["end_leaf"]
            for piece in pieces_of(tree["tenant_id"], month, tree["first_leaf"], tree["end_leaf"])
        ]
        for piece in pieces:
            await self.seal(piece, now)
        return len(pieces)

    async def seal(self, piece: Piece, now: datetime) -> None:
        """Write the file, then the row; without the row the file is nobody's and is written again."""
        opened, closed = bounds_of(piece.month)
        key = key_of(piece.tenant_id, piece.first, piece.end)
        async with self._database.worker() as tx:
            if not await tx.fetchval(LOCK, f"audit bundle {key}"):
                return
            told = await queries.times_of(
                tx,
                tenant_id=piece.tenant_id,
                first=piece.first,
                end=piece.end,
                opened=opened,
                closed=closed,
            )
            if told["leaves"] != piece.end - piece.first:
                raise RuntimeError(f"{key}: {told['leaves']} records are there, so one is missing")
            await self._keep_last_hashes(tx, piece)
            path = self._files.workplace(key)
            offsets, bytes_, digest = await self._write(tx, piece, path)
            self._files.put(key, path)
            body = f"{origin(piece.tenant_id)}/bundle\n{piece.first}-{piece.end}\n{digest.hex()}\n"
            await queries.add(
                tx,
                tenant_id=piece.tenant_id,
                first_leaf=piece.first,
                end_leaf=piece.end,
                month=piece.month,
                received_from=told["received_from"],
                received_last=told["received_last"],
                kept_until=told["kept_until"],
                offsets=offsets,
                bytes=bytes_,
                sha256=digest,
                note=self._signer.sign_text(body),
                sealed_at=now,
            )
        log.info("audit.bundle.sealed", bundle=key, bytes=bytes_)

    async def _keep_last_hashes(self, tx: Tx, piece: Piece) -> None:
        """The hashes of a tile that is not full are read from its records, which are about to leave the table."""
        number, width = divmod(piece.end, TILE_WIDTH)
        if width:
            kept = await store.tiles_at(tx, piece.tenant_id, [(0, number)])
            await store.put_tiles(tx, {piece.tenant_id: kept})

    async def _write(self, tx: ReadTx, piece: Piece, path: Path) -> tuple[list[int], int, bytes]:
        """(offset of each frame, bytes, SHA-256); one tile is in memory at a time."""
        offsets: list[int] = []
        digest, written = sha256(), 0
        with path.open("wb") as file:
            first = piece.first
            while first < piece.end:
                stop = min((first // TILE_WIDTH + 1) * TILE_WIDTH, piece.end)
                rows_of_tile = await self._tile(tx, piece.tenant_id, first, stop)
                frame = await asyncio.to_thread(frame_of, rows_of_tile)
                offsets.append(written)
                file.write(frame)
                digest.update(frame)
                written += len(frame)
                first = stop
        return offsets, written, digest.digest()

    async def _tile(self, tx: ReadTx, tenant_id: UUID, first: int, stop: int) -> Sequence[dict[str, Any]]:
        found = await rows(queries.rows_from(tx, tenant_id=tenant_id, first=first, most=stop - first))
        if [row["leaf_index"] for row in found] != list(range(first, stop)):
            raise RuntimeError(f"the leaves {first}…{stop - 1} of {tenant_id} have a hole")
        return found

    async def _drop(self, month: date, now: datetime) -> None:
        try:
            async with self._database.worker() as tx:
                dropped = await queries.drop_month(tx, month=month, now=now)
        except REFUSED as error:
            log.info("audit.month.stays", month=str(month), reason=str(error))
        else:
            log.info("audit.month.dropped", month=str(month), records=dropped)

    async def _expire(self, now: datetime) -> int:
        """The file goes before the commit: after a crash between the two it is expired again, and nothing is left lying."""
        async with self._database.platform_reading() as tx:
            due = await rows(queries.past_their_time(tx, now=now, most=MOST_EXPIRED))
        ended = 0
        for bundle in due:
            key = key_of(bundle["tenant_id"], bundle["first_leaf"], bundle["end_leaf"])
            try:
                async with self._database.worker() as tx:
                    await queries.expire(
                        tx, tenant_id=bundle["tenant_id"], first_leaf=bundle["first_leaf"], now=now
                    )
                    self._files.remove(key)
            except REFUSED as error:
                log.info("audit.bundle.stays", bundle=key, reason=str(error))
            else:
                ended += 1
                log.info("audit.bundle.expired", bundle=key)
        return ended
