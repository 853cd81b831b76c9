"""Anchors: the ledger's signed head, kept where who runs the database cannot change it."""

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

from chassis.db import Database, ReadTx, load_queries
from services.audit.log.store import StoredCheckpoint
from services.audit.records.record import LEDGER

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("ledger.sql"))


class AnchorConflict(Exception):
    """The place holds another head of the same size: one of the two was forged, or the log was taken back."""


class Anchor(Protocol):
    """A place outside. `put` keeps a note for good and answers where it is; the same note again is no fault.

    Raises AnchorConflict, or OSError where the place cannot be reached.
    """

    name: str

    async def put(self, tree_size: int, note: str) -> str: ...


class WriteOnceFolder:
    """Files that are made once, never opened for writing again, and synced with their folder before they count."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, tree_size: int, note: str) -> str:
        return await asyncio.to_thread(self._put, f"{tree_size:020d}.checkpoint", note.encode())

    def _put(self, name: str, note: bytes) -> str:
        path = self._folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return self._same(path, note)
        # A crash may leave a half of the other file, never of the one that counts; link() refuses to replace.
        half = self._folder / f".{name}.{os.getpid()}"
        half.unlink(missing_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            os.write(descriptor, note)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(half, path)
        except FileExistsError:
            return self._same(path, note)
        finally:
            half.unlink()
            self._sync()
        return name

    def _same(self, path: Path, note: bytes) -> str:
        if path.read_bytes() != note:
            raise AnchorConflict(f"{path.name} holds another head")
        return path.name

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Kept:
    """An anchor as it was recorded."""

    adapter: str
    tree_size: int
    root: bytes
    note: str
    reference: str
    anchored_at: datetime


class Anchors:
    """Hands the ledger's latest head to every adapter that does not have it, and records where it is."""

    def __init__(self, database: Database, adapters: list[Anchor]) -> None:
        self._database = database
        self._adapters = adapters

    async def anchor(self, now: datetime) -> None:
        """An adapter that fails is tried again next time; the others do not wait for it."""
        for adapter in self._adapters:
            try:
                await self._anchor(adapter, now)
            except (AnchorConflict, OSError):
                log.exception("audit.anchor.failed", adapter=adapter.name)

    async def _anchor(self, adapter: Anchor, now: datetime) -> None:
        async with self._database.platform_reading() as tx:
            row = await queries.not_anchored(tx, ledger=LEDGER, adapter=adapter.name)
        if row is None:
            return
        head = StoredCheckpoint(*row)
        reference = await adapter.put(head.size, head.note)
        async with self._database.worker() as tx:
            await queries.add_anchor(
                tx,
                adapter=adapter.name,
                tree_size=head.size,
                root=head.root,
                note=head.note,
                reference=reference,
                anchored_at=now,
            )


async def anchors_before(tx: ReadTx, before: int, most: int) -> list[Kept]:
    """Anchors of ledgers smaller than `before`, the latest first."""
    return [Kept(*row) async for row in queries.anchors_before(tx, before=before, most=most)]
