"""Receipts over the bus: within a moment of the record, of that record alone, many at a time, none during a halt."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from chassis.bus import Bus
from chassis.ids import uuid7
from contracts.receipts import ReceiptAnswer, ReceiptAsked
from contracts.subjects import RECEIPTS
from services.audit.gaps import halts
from tenantry import log_verifier
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """Asks as the bff does."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, tenant: UUID, record: UUID) -> ReceiptAnswer:
        return await self.send(ReceiptAsked(tenant_id=tenant, record_id=record).model_dump_json().encode())

    async def send(self, request: bytes) -> ReceiptAnswer:
        return ReceiptAnswer.model_validate_json(await self._bus.request(RECEIPTS, request, timeout=10))


@pytest.fixture
async def desk(audit: httpx.AsyncClient, bus: Callable[[str], Awaitable[Bus]]) -> Desk:
    """The service runs, and signs every tenth of a second."""
    return Desk(await bus("bff"))


def proves(answer: ReceiptAnswer, tenant: UUID, record: UUID) -> bool:
    assert answer.receipt is not None, answer.refusal
    receipt = answer.receipt
    entry = base64.b64decode(receipt.entry)
    head = log_verifier.open_note(receipt.checkpoint, SIGNER.verifier_key())
    path = [bytes.fromhex(piece) for piece in receipt.hashes]
    root = log_verifier.root_from_inclusion(
        log_verifier.leaf_hash(entry), receipt.leaf_index, head.size, path
    )
    is_it = json.loads(entry)["id"] == str(record)
    return is_it and head.origin == f"tenantry/audit/{tenant}" and root == head.root


async def test_a_record_that_is_asked_for_before_it_is_there_gets_its_receipt_when_it_is_signed(
    desk: Desk, log: Log
) -> None:
    tenant = uuid7()
    events = [numbered(number, tenant=tenant) for number in range(1, 40)]
    asking = [asyncio.create_task(desk.ask(tenant, event.id)) for event in events]
    await log.append(events, NOW)
    answers = await asyncio.gather(*asking)
    assert all(proves(answer, tenant, event.id) for answer, event in zip(answers, events, strict=True))


async def test_who_waits_does_not_keep_others_waiting(desk: Desk, log: Log) -> None:
    tenant, event = uuid7(), numbered(1)
    tenant = event.envelope.tenant_id or tenant
    await log.append([event], NOW)
    assert proves(await desk.ask(tenant, event.id), tenant, event.id)
    waiting = [asyncio.create_task(desk.ask(tenant, uuid7())) for _ in range(20)]
    assert proves(await desk.ask(tenant, event.id), tenant, event.id)
    assert not any(task.done() for task in waiting)
    refusals = [(await task).refusal for task in waiting]
    assert {refusal.code for refusal in refusals if refusal} == {"not_yet"}


async def test_another_tenants_record_and_no_request_get_none(desk: Desk, log: Log) -> None:
    event = numbered(1)
    await log.append([event], NOW)
    answer = await desk.ask(uuid7(), event.id)
    assert answer.refusal is not None
    assert answer.refusal.code == "not_yet"
    for request in (b"", b"{}", b"\xff", b'{"tenant_id": "x", "record_id": "y"}'):
        answer = await desk.send(request)
        assert (answer.receipt, answer.refusal and answer.refusal.code) == (None, "malformed")


async def test_no_receipt_is_given_during_a_halt(desk: Desk, log: Log) -> None:
    event = numbered(1)
    tenant = event.envelope.tenant_id
    assert tenant is not None
    await log.append([event], NOW)
    assert proves(await desk.ask(tenant, event.id), tenant, event.id)
    async with log.database.worker() as tx:
        await halts.halt(tx, "operator", "somebody", NOW, "a test")
    answer = await desk.ask(tenant, event.id)
    assert (answer.receipt, answer.refusal and answer.refusal.code) == (None, "halted")
