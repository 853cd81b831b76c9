"""Answers `rpc.audit.receipt`: the proof that a record is in the signed log, asked for before an act that must not go
unrecorded.
"""

import asyncio
import base64
import contextlib
from uuid import UUID

import structlog
from pydantic import ValidationError

from chassis.bus import Bus
from chassis.db import Database, ReadTx
from chassis.errors import Transient
from contracts.receipts import Receipt, ReceiptAnswer, ReceiptAsked, Refusal, WhyNot
from contracts.subjects import RECEIPTS
from services.audit.errors import EmptyLog, LeafNotFound, LockActionsHalted
from services.audit.gaps import halts
from services.audit.log import proofs, store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.05
AT_ONCE = 500
"""Requests that wait."""
Wanted = tuple[UUID, UUID]
"""(tenant, record)."""


class Receipts:
    """The part that answers. A request waits up to `seconds` until its record is signed; one look serves all that wait."""

    name = "receipts"

    def __init__(self, database: Database, bus: Bus, *, seconds: float) -> None:
        self._database = database
        self._bus = bus
        self._seconds = seconds
        self._waiting: dict[asyncio.Event, Wanted] = {}

    async def run(self) -> None:
        await self._bus.respond(RECEIPTS, self.answer, at_once=AT_ONCE)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Transient as error:
                log.warning("audit.receipts.waiting", reason=str(error))

    async def answer(self, request: bytes) -> bytes:
        """A `ReceiptAnswer`; nothing while the database is away."""
        try:
            asked = ReceiptAsked.model_validate_json(request)
            said = ReceiptAnswer(receipt=await self._wait_for((asked.tenant_id, asked.record_id)))
        except ValidationError as error:
            said = refused("malformed", f"the request has {error.error_count()} faults")
        except LockActionsHalted as error:
            said = refused("halted", str(error))
        except (EmptyLog, LeafNotFound) as error:
            said = refused("not_yet", str(error))
        return said.model_dump_json().encode()

    async def _wait_for(self, wanted: Wanted) -> Receipt:
        """Raises EmptyLog or LeafNotFound when the time is over, LockActionsHalted at once."""
        with contextlib.suppress(EmptyLog, LeafNotFound):
            return await self._receipt(wanted)
        signed = asyncio.Event()
        self._waiting[signed] = wanted
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await signed.wait()
        finally:
            del self._waiting[signed]
        return await self._receipt(wanted)

    async def _receipt(self, wanted: Wanted) -> Receipt:
        # One snapshot: a halt is looked for in the transaction that reads the proof.
        async with self._database.platform_reading() as tx:
            await halts.refuse_when_halted(tx, wanted[0])
            return await receipt_of(tx, *wanted)

    async def _look(self) -> None:
        """Wake those whose record is signed by now."""
        if not self._waiting:
            return
        async with self._database.platform_reading() as tx:
            found = set(await store.signed_records(tx, sorted(set(self._waiting.values()))))
        for signed, wanted in self._waiting.items():
            if wanted in found:
                signed.set()


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
