"""Answers `rpc.audit.receipt`: the proof that a record is in the signed log, asked for before an act that must not go
unrecorded.
"""

import asyncio
import base64
import time
from uuid import UUID

from pydantic import ValidationError

from chassis.bus import Bus
from chassis.db import Database, ReadTx
from contracts.receipts import Receipt, ReceiptAnswer, ReceiptAsked, Refusal, WhyNot
from contracts.subjects import RECEIPTS
from services.audit.errors import EmptyLog, LeafNotFound, LockActionsHalted
from services.audit.gaps import halts
from services.audit.log import proofs, store

LOOK_SECONDS = 0.05
AT_ONCE = 200
"""Requests that wait; a look takes a connection for a moment only."""


class Receipts:
    """The part that answers. A request waits up to `seconds` until the record is signed, beside the others."""

    name = "receipts"

    def __init__(self, database: Database, bus: Bus, *, seconds: float) -> None:
        self._database = database
        self._bus = bus
        self._seconds = seconds

    async def run(self) -> None:
        await self._bus.respond(RECEIPTS, self.answer, at_once=AT_ONCE)
        await asyncio.Event().wait()

    async def answer(self, request: bytes) -> bytes:
        """A `ReceiptAnswer`; nothing while the database is away."""
        try:
            asked = ReceiptAsked.model_validate_json(request)
            said = ReceiptAnswer(receipt=await self._wait_for(asked))
        except ValidationError as error:
            said = refused("malformed", f"the request has {error.error_count()} faults")
        except LockActionsHalted as error:
            said = refused("halted", str(error))
        except (EmptyLog, LeafNotFound) as error:
            said = refused("not_yet", str(error))
        return said.model_dump_json().encode()

    async def _wait_for(self, asked: ReceiptAsked) -> Receipt:
        """Raises EmptyLog or LeafNotFound when the time is over, LockActionsHalted at once."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                # One snapshot: a halt is looked for in the transaction that reads the proof.
                async with self._database.platform_reading() as tx:
                    await halts.refuse_when_halted(tx, asked.tenant_id)
                    return await receipt_of(tx, asked.tenant_id, asked.record_id)
            except (EmptyLog, LeafNotFound):
                if time.monotonic() >= until:
                    raise
            await asyncio.sleep(LOOK_SECONDS)


async def receipt_of(tx: ReadTx, tenant_id: UUID, record_id: UUID) -> Receipt:
    """Raises EmptyLog or LeafNotFound while the record is not in the signed tree."""
    record = await store.record_of_id(tx, tenant_id, record_id)
    if record is None:
        raise LeafNotFound(f"record {record_id} is not in the log")
    checkpoint, path = await proofs.prove_inclusion(tx, tenant_id, record["leaf_index"])
    return Receipt(
        leaf_index=record["leaf_index"],
        entry=base64.b64encode(record["entry"]).decode(),
        hashes=tuple(piece.hex() for piece in path),
        checkpoint=checkpoint.note,
    )


def refused(code: WhyNot, detail: str) -> ReceiptAnswer:
    return ReceiptAnswer(refusal=Refusal(code=code, detail=detail))
