"""What ties an export to what was kept outside: the log's entry in the ledger, and the ledger's anchors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from chassis.db import Database, load_queries
from services.audit.log import proofs, store
from services.audit.log.anchors import Kept, anchors_before
from services.audit.log.ledger import queries as ledger_queries
from services.audit.log.store import StoredCheckpoint
from services.audit.records.record import LEDGER

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))
MOST_ANCHORS = 12
"""The latest ones; each binds all that was before it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """`proofs/ledger.json`, and the files of `anchors/`."""

    ledger: bytes
    anchors: dict[str, bytes]


async def outside(database: Database, tenant_id: UUID, checkpoint: StoredCheckpoint) -> Outside | None:
    """None for a log that no ledger holds yet: a new one is entered within the anchor period."""
    async with database.reading(LEDGER) as ledger_tx:
        ledger = await store.latest_checkpoint(ledger_tx, LEDGER)
        if ledger is None:
            return None
        async with database.reading(tenant_id) as tx:
            entered = await queries.ledger_entry(
                tx, tenant_id=tenant_id, size=checkpoint.size, ledger_size=ledger.size
            )
            if entered is None:
                return None
            _, growth = await proofs.prove_consistency(tx, tenant_id, entered["size"], checkpoint)
        index = entered["leaf_index"]
        entry = await ledger_queries.ledger_leaf(
            ledger_tx, ledger=LEDGER, leaf_index=index, entered_at=entered["entered_at"]
        )
        _, path = await proofs.prove_inclusion(ledger_tx, LEDGER, index, ledger)
        kept = await anchors_before(ledger_tx, ledger.size + 1, MOST_ANCHORS)
        told = [
            {
                "name": name_of(anchor),
                "reference": anchor.reference,
                "anchored_at": anchor.anchored_at.isoformat(),
                "hashes": hexes(
                    (await proofs.prove_consistency(ledger_tx, LEDGER, anchor.tree_size, ledger))[1]
                ),
            }
            for anchor in kept
        ]
    said = {
        "checkpoint": ledger.note,
        "leaf": index,
        "entry": bytes(entry).decode(),
        "hashes": hexes(path),
        "growth": hexes(growth),
        "anchors": told,
    }
    return Outside(orjson.dumps(said) + b"\n", {name_of(anchor): anchor.note.encode() for anchor in kept})


def name_of(anchor: Kept) -> str:
    return f"{anchor.adapter}-{anchor.tree_size}.checkpoint"


def hexes(hashes: list[bytes]) -> list[str]:
    return [piece.hex() for piece in hashes]
