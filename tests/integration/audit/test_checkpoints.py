"""Checkpoints: signed heads that only ever grow, each said once."""

import asyncio
import contextlib
from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.ids import uuid7
from services.audit.log.checkpoints import sign_heads
from services.audit.records.record import PLATFORM
from tenantry import log_verifier
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAID = "audit.checkpoint.published.v1"


async def heads(log: Log, tenant: UUID) -> list[log_verifier.SignedHead]:
    """Every checkpoint of a tenant in the order of signing, its signature checked."""
    rows = await log.admin.fetch(
        "select note from audit.checkpoint where tenant_id = $1 order by ctid", tenant
    )
    return [log_verifier.open_note(row["note"], SIGNER.verifier_key()) for row in rows]


async def test_each_growth_is_signed_once_and_only_adds_to_what_was_signed(log: Log) -> None:
    tenant, number = uuid7(), 0
    for batch in (1, 2, 5, 260):
        await log.append([numbered(number := number + 1, tenant=tenant) for _ in range(batch)], NOW)
        assert await log.sign(NOW) == 1
        assert await log.sign(NOW) == 0, "nothing grew meanwhile"
    signed, entries = await heads(log, tenant), await log.entries(tenant)
    assert [head.size for head in signed] == [1, 3, 8, 268]
    for head in signed:
        assert head.origin == f"tenantry/audit/{tenant}"
        assert head.root == log_verifier.root_of([*map(log_verifier.leaf_hash, entries[: head.size])])
    said = [body["tree_size"] for _, body in await log.said(SAID)]
    assert said == [1, 3, 8, 268]


async def test_two_signers_at_once_say_each_head_once(log: Log) -> None:
    tenants = [uuid7() for _ in range(20)]
    await log.append([numbered(number, tenant=tenant) for number, tenant in enumerate(tenants, 1)], NOW)
    await asyncio.gather(log.sign(NOW), log.sign(NOW), log.sign(NOW))
    assert len(await log.said(SAID)) == len(tenants)


async def test_a_round_signs_no_more_than_it_may_and_the_next_goes_on(log: Log) -> None:
    tenants = [uuid7() for _ in range(5)]
    await log.append([numbered(number, tenant=tenant) for number, tenant in enumerate(tenants, 1)], NOW)
    assert [await log.sign(NOW, most=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_signature_that_rolls_back_was_never_said(log: Log) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    with contextlib.suppress(ZeroDivisionError):
        async with log.database.worker() as tx:
            await sign_heads(tx, SIGNER, NOW, 10)
            raise ZeroDivisionError
    assert await heads(log, tenant) == []
    assert await log.said(SAID) == []


async def test_another_key_or_a_changed_note_does_not_verify(log: Log) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    await log.sign(NOW)
    note = await log.admin.fetchval("select note from audit.checkpoint")
    for changed in (note.replace("\n1\n", "\n2\n", 1), note.replace(str(tenant), str(PLATFORM), 1)):
        with pytest.raises(log_verifier.Unverified, match="no valid signature"):
            log_verifier.open_note(changed, SIGNER.verifier_key())
