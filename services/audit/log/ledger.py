"""The ledger: one more tree, whose leaves are the latest checkpoints of all the others, so that one anchor covers all.

A tree that is taken back, or shown in two versions, contradicts its own earlier leaf here.
"""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx, load_queries
from chassis.errors import Transient
from chassis.ids import uuid7
from contracts.subjects import source_of
from services.audit.errors import EmptyLog
from services.audit.log import proofs
from services.audit.log.anchors import Anchors
from services.audit.log.checkpoints import origin, sign_heads
from services.audit.log.note import Signer
from services.audit.log.sequencer import append
from services.audit.log.store import StoredCheckpoint
from services.audit.records.record import LEDGER, Record, rfc3339

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("ledger.sql"))

FORMAT = "tenantry-audit-ledger/1"
MOST_ENTRIES = 5_000
"""Per transaction."""
RETRY_SECONDS = 1.0
LARGEST_SIZE = 2**63 - 1


def entry_of(tenant_id: UUID, checkpoint: StoredCheckpoint) -> Record:
    """What the ledger says of a tree. The nonce of the leaf keeps other trees' sizes from being guessed."""
    id_ = uuid7()
    statement = {
        "format": FORMAT,
        "id": str(id_),
        "origin": origin(tenant_id),
        "tree_size": checkpoint.size,
        "root_hash": checkpoint.root.hex(),
        "checkpoint": checkpoint.note,
        "signed_at": rfc3339(checkpoint.signed_at),
    }
    return Record(
        tenant_id=LEDGER,
        id=id_,
        statement=statement,
        happened_at=checkpoint.signed_at,
        action="audit.ledger.entered",
        source=source_of("audit"),
        target_id=str(tenant_id),
        target_type="log",
    )


async def enter(tx: Tx, signer: Signer, now: datetime, quiet: timedelta) -> int:
    """Enter the checkpoints that are due and sign the ledger; answers how many were entered."""
    rows = queries.checkpoints_due(tx, ledger=LEDGER, quiet_before=now - quiet, most=MOST_ENTRIES)
    due = [(row["tenant_id"], StoredCheckpoint(*tuple(row)[1:])) async for row in rows]
    if due:
        records = [entry_of(tenant_id, checkpoint) for tenant_id, checkpoint in due]
        places = dict(await append(tx, records, now, claimed=True))
        await queries.add_ledger_entries(
            tx,
            tenant_ids=[tenant_id for tenant_id, _ in due],
            sizes=[checkpoint.size for _, checkpoint in due],
            leaf_indexes=[places[record.id] for record in records],
            entered_at=now,
        )
        await sign_heads(tx, signer, now, 1, only=LEDGER)
    return len(due)


class Ledger:
    """The part that keeps the ledger: once per period, in one process at a time, then hands its head to the anchors."""

    name = "ledger"

    def __init__(
        self,
        database: Database,
        signer: Signer,
        anchors: Anchors,
        clock: Clock,
        *,
        seconds: float,
        quiet_seconds: float,
    ) -> None:
        self._database = database
        self._signer = signer
        self._anchors = anchors
        self._clock = clock
        self._seconds = seconds
        self._quiet = timedelta(seconds=quiet_seconds)

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                async with self._database.leadership("audit:ledger") as leader:
                    while await leader.holds():
                        await self.round()
                        await asyncio.sleep(self._seconds)
            except Transient as error:
                log.warning("audit.ledger.waiting", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def round(self) -> None:
        """All that is due, then the anchor: also of a head that an earlier round could not anchor."""
        while True:
            async with self._database.worker() as tx:
                entered = await enter(tx, self._signer, self._clock.now(), self._quiet)
            if entered < MOST_ENTRIES:
                break
        await self._anchors.anchor(self._clock.now())


async def prove_entry(
    tx: ReadTx, ledger_tx: ReadTx, tenant_id: UUID, most: int = LARGEST_SIZE
) -> tuple[int, bytes, StoredCheckpoint, list[bytes]]:
    """(leaf, entry, ledger's checkpoint, path): that the ledger's head covers the tree's entry. Raises EmptyLog.

    Of the last entry that quotes a checkpoint of at most `most` leaves. `tx` sees the tenant, `ledger_tx` the ledger.
    """
    head = await proofs.signed_head(ledger_tx, LEDGER)
    entered = await queries.ledger_entry_before(tx, tenant_id=tenant_id, size=head.size, most=most)
    if entered is None:
        raise EmptyLog("this tenant's log is not in the ledger yet; it is entered once per anchor period")
    index: int = entered["leaf_index"]
    entry: bytes = await queries.ledger_leaf(
        ledger_tx, ledger=LEDGER, leaf_index=index, entered_at=entered["entered_at"]
    )
    checkpoint, path = await proofs.prove_inclusion(ledger_tx, LEDGER, index, head)
    return index, entry, checkpoint, path
