"""What ties a checkpoint of a tenant's log to the outside: the files of an export that the verifier reads."""

from uuid import UUID

import orjson

from chassis.db import Database
from services.audit.errors import EmptyLog
from services.audit.log import ledger, proofs
from services.audit.log.anchors import anchors_before
from services.audit.log.store import StoredCheckpoint
from services.audit.records.record import LEDGER

MOST_ANCHORS = 3


async def outside(database: Database, tenant_id: UUID, checkpoint: StoredCheckpoint) -> dict[str, bytes]:
    """`proofs/ledger.json` and `anchors/…` for this checkpoint; nothing while the log is not in the ledger.

    `growth` leads from the checkpoint that the ledger's entry quotes to this one, an anchor's `hashes` from its head of the
    ledger to the ledger's present one. All hashes in hexadecimal.
    """
    async with database.reading(tenant_id) as tx, database.reading(LEDGER) as ledger_tx:
        try:
            leaf, entry, head, path = await ledger.prove_entry(tx, ledger_tx, tenant_id, checkpoint.size)
        except EmptyLog:
            return {}
        entered: int = orjson.loads(entry)["tree_size"]
        _, growth = await proofs.prove_consistency(tx, tenant_id, entered, checkpoint)
        kept = await anchors_before(ledger_tx, head.size + 1, MOST_ANCHORS)
        files = {f"anchors/{one.reference}": one.note.encode() for one in kept}
        anchors = [
            {
                "name": one.reference,
                "hashes": texts((await proofs.prove_consistency(ledger_tx, LEDGER, one.tree_size, head))[1]),
            }
            for one in kept
        ]
    said = {
        "leaf": leaf,
        "entry": entry.decode(),
        "checkpoint": head.note,
        "hashes": texts(path),
        "growth": texts(growth),
        "anchors": anchors,
    }
    return {"proofs/ledger.json": orjson.dumps(said) + b"\n", **files}


def texts(hashes: list[bytes]) -> list[str]:
    return [piece.hex() for piece in hashes]
