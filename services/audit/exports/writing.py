"""Writes one export: reads the range once, page by page, and leaves a ZIP. Memory does not grow with the range."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from chassis.db import Database
from services.audit.exports import content, pdf
from services.audit.exports.archive import BLOCK, Archive, Member
from services.audit.exports.cells import write_rows
from services.audit.exports.model import PLATFORM_PRODUCT, Export
from services.audit.exports.proving import inclusion_proofs, range_proof
from services.audit.exports.rows import HEAD, csv_row, pdf_row
from services.audit.keeping.bundles.reading import Reader, Row
from services.audit.log import store
from services.audit.log.evidence import outside
from services.audit.log.note import Signer

PAGE = 1000
POLL_SECONDS = 0.1
PLATFORM_CSV = "platform-audit.csv"

Says = Callable[[str, int, int], Awaitable[None]]
"""(phase, how much of it is done, records so far)."""
Reveal = Callable[[list[Row]], Awaitable[list[Mapping[str, Any]]]]
"""The statements of records, with the personal values that the reader may see."""


@dataclass(frozen=True, slots=True)
class Written:
    """A finished archive."""

    path: Path
    size: int
    sha256: bytes
    records: int
    looked_at: int


@dataclass
class Tally:
    """What was found, as the manifest tells it."""

    looked_at: int = 0
    records: int = 0
    by_product: Counter[str] = field(default_factory=Counter)
    left: Row | None = None
    right: Row | None = None


class Writer:
    """For one export; `write` may be called once."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        signer: Signer,
        export: Export,
        workplace: Path,
        says: Says,
        reveal: Reveal,
    ) -> None:
        self._database = database
        self._reader = reader
        self._signer = signer
        self._export = export
        self._workplace = workplace
        self._says = says
        self._reveal = reveal
        self._tally = Tally()

    async def write(self, now: datetime, bound: Callable[[int, int], Awaitable[None]]) -> Written:
        """`bound` is told the leaves of the range once they are known. Raises BundleDamaged."""
        export = self._export
        await self._says("waiting", 0, 0)
        checkpoint = await self._checkpoint()
        async with self._database.reading(export.tenant_id) as tx:
            start = export.received_from
            first = 0 if start is None else await self._reader.first_at(tx, export.tenant_id, start)
            end = await self._reader.first_at(tx, export.tenant_id, export.received_to)
        if first is None or end is None or not first <= end < checkpoint.size:
            raise RuntimeError(
                f"the range {first}…{end} does not lie in the log of {checkpoint.size} records"
            )
        await bound(first, end)
        path = self._workplace / "export.zip"
        with closing(Archive(path, now)) as archive:
            for name, text in content.texts(export).items():
                archive.add(name, text)
            await self._read(archive, first, end, checkpoint.size)
            found = await outside(self._database, export.tenant_id, checkpoint)
            await self._draw(archive, checkpoint, now, found)
            await self._says("packing", self._tally.looked_at, self._tally.records)
            self._add_csvs(archive)
            for body in sorted(self._workplace.glob("body-*")):
                archive.add_file(f"bodies/{body.name.removeprefix('body-')}.json", body)
            archive.add("checkpoint", checkpoint.note.encode())
            await self._prove(archive, first, end, checkpoint)
            for name, data in found.items():
                archive.add(name, data)
            manifest = content.manifest(
                export, (first, end), self._tally, checkpoint, archive.members, self._signer, now
            )
            archive.add("manifest.json", manifest)
            archive.add("manifest.note", content.manifest_note(export, manifest, self._signer).encode())
        size, digest = await asyncio.to_thread(hash_of, path)
        return Written(path, size, digest, self._tally.records, self._tally.looked_at)

    async def _checkpoint(self) -> store.StoredCheckpoint:
        """The first signed head that covers the request; heads are signed about once a second."""
        while True:
            async with self._database.reading(self._export.tenant_id) as tx:
                found = await store.latest_checkpoint(tx, self._export.tenant_id)
            if found is not None and found.size > self._export.request_leaf:
                return found
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self, archive: Archive, first: int, end: int, size: int) -> None:
        """One pass over the range and the two leaves beside it."""
        said_at = 0.0
        with (
            archive.member("audit.jsonl") as leaves,
            (self._workplace / "proofs.jsonl").open("wb") as proofs,
            (self._workplace / "rows.jsonl").open("wb") as drawn,
        ):
            async for page in self._pages(max(first - 1, 0), end + 1):
                inside = []
                for row in page:
                    if row["leaf_index"] < first:
                        self._tally.left = row
                    elif row["leaf_index"] == end:
                        self._tally.right = row
                    else:
                        inside.append(row)
                self._tally.looked_at += len(inside)
                wanted = self._export.wanted
                fitting = [row for row in inside if wanted is None or wanted.fits(row)]
                if wanted is not None and fitting:
                    await self._prove_each(proofs, [row["leaf_index"] for row in fitting], size)
                await self._take(leaves, drawn, fitting)
                if time.monotonic() - said_at > 0.5:
                    said_at = time.monotonic()
                    await self._says("reading", self._tally.looked_at, self._tally.records)
        await self._says("reading", self._tally.looked_at, self._tally.records)

    async def _pages(self, first: int, end: int) -> AsyncIterator[list[Row]]:
        """The leaves first…end-1 without a hole, each page in a snapshot of its own: leaves never change."""
        tenant_id = self._export.tenant_id
        while first < end:
            async with self._database.reading(tenant_id) as tx:
                page = await self._reader.rows_from(tx, tenant_id, first, min(PAGE, end - first))
            if [row["leaf_index"] for row in page] != list(range(first, first + len(page))) or not page:
                raise RuntimeError(f"the log of {tenant_id} has a hole at leaf {first} or after it")
            first += len(page)
            yield page

    async def _take(self, leaves: Member, drawn: Any, page: list[Row]) -> None:
        """Write records into the leaves, the CSV of their product, and the rows to be drawn."""
        lines = defaultdict(list)
        for row, said in zip(page, await self._reveal(page), strict=True):
            leaves.write(bytes(row["entry"]) + b"\n")
            if isinstance(said.get("body"), Mapping):
                await self._keep_body(row["leaf_index"])
            product = row["product"] or PLATFORM_PRODUCT
            lines[product].append(csv_row(row, said))
            drawn.write(orjson.dumps(pdf_row(row, said, self._export.language)) + b"\n")
            self._tally.by_product[product] += 1
        for product, found in lines.items():
            with self._csv(product).open("a", encoding="utf-8", newline="") as file:
                if file.tell() == 0:
                    write_rows(file, [HEAD])
                write_rows(file, found)
        self._tally.records += len(page)

    async def _keep_body(self, leaf: int) -> None:
        """A body that was too large for its leaf, which has its SHA-256."""
        async with self._database.reading(self._export.tenant_id) as tx:
            body = await store.body_of(tx, self._export.tenant_id, leaf)
        if body is not None:
            (self._workplace / f"body-{leaf}").write_bytes(body)

    def _csv(self, product: str) -> Path:
        return self._workplace / f"csv-{content.file_name(product)}.csv"

    def _add_csvs(self, archive: Archive) -> None:
        """The platform's is there even without a line: a reader looks for it."""
        platform = self._csv(PLATFORM_PRODUCT)
        if not platform.exists():
            with platform.open("w", encoding="utf-8", newline="") as file:
                write_rows(file, [HEAD])
        archive.add_file(PLATFORM_CSV, platform)
        for product in sorted(set(self._tally.by_product) - {PLATFORM_PRODUCT}):
            archive.add_file(f"products/{content.file_name(product)}.csv", self._csv(product))

    async def _draw(
        self,
        archive: Archive,
        checkpoint: store.StoredCheckpoint,
        now: datetime,
        found: Mapping[str, bytes],
    ) -> None:
        """The PDF in volumes of `pdf.ROWS` records."""
        spool = self._workplace / "rows.jsonl"
        records, language = self._tally.records, self._export.language
        volumes = max(1, -(-records // pdf.ROWS))
        with spool.open("rb") as lines:
            for number in range(1, volumes + 1):
                await self._says("drawing", (number - 1) * pdf.ROWS, records)
                here = min(pdf.ROWS, records - (number - 1) * pdf.ROWS)
                cover = content.cover(
                    self._export, checkpoint, (number, volumes), (here, records), now, found
                )
                name = content.pdf_name(number)
                path = self._workplace / name
                rows: Iterator[Any] = map(orjson.loads, islice(lines, pdf.ROWS))
                volume = pdf.Volume(path, language, content.title(language))
                await asyncio.to_thread(volume.write, cover, rows)
                archive.add_file(name, path)
        spool.unlink()

    async def _prove_each(self, proofs: Any, leaves: list[int], size: int) -> None:
        async with self._database.reading(self._export.tenant_id) as tx:
            found = await inclusion_proofs(tx, self._export.tenant_id, leaves, size)
        for proof in found:
            proofs.write(orjson.dumps(proof) + b"\n")

    async def _prove(
        self, archive: Archive, first: int, end: int, checkpoint: store.StoredCheckpoint
    ) -> None:
        spool = self._workplace / "proofs.jsonl"
        if not self._export.is_range_complete:
            archive.add_file("proofs/records.jsonl", spool)
            return
        spool.unlink()
        tenant_id = self._export.tenant_id
        left, right = self._tally.left, self._tally.right
        async with self._database.reading(tenant_id) as tx:
            start = first if left is None else first - 1
            hashes = await range_proof(tx, tenant_id, start, end + 1, checkpoint.size)
            beside = [row["leaf_index"] for row in (left, right) if row is not None]
            included = await inclusion_proofs(tx, tenant_id, beside, checkpoint.size)
        archive.add("proofs/range.json", content.range_file(start, end + 1, checkpoint.size, hashes))
        for name, row in (("left", left), ("right", right)):
            if row is not None:
                path = next(proof["hashes"] for proof in included if proof["leaf"] == row["leaf_index"])
                archive.add(f"proofs/boundary-{name}.json", content.boundary_file(row, path))


def hash_of(path: Path) -> tuple[int, bytes]:
    """(bytes, SHA-256) of a file."""
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.digest()
