"""The ledger takes in every tree's latest checkpoint, and its heads are kept outside, once and for all."""

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from chassis.clock import ManualClock
from chassis.ids import uuid7
from services.audit.log.anchors import AnchorConflict, Anchors, WriteOnceFolder
from services.audit.log.ledger import Ledger
from services.audit.records.record import LEDGER
from tenantry import log_verifier
from tests.infra import eventually
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Book:
    """The ledger's part, round by round, and what it kept outside."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log = log
        self.folder = folder
        self.clock = ManualClock(NOW)
        anchors = Anchors(log.database, [WriteOnceFolder(folder)])
        self.ledger = Ledger(
            log.database, SIGNER, anchors, self.clock, seconds=60, quiet_seconds=DAY.total_seconds()
        )

    async def entered(self) -> list[tuple[str, int]]:
        """(origin, size) of every entry."""
        said = [json.loads(entry) for entry in await self.log.entries(LEDGER)]
        return [(entry["origin"], entry["tree_size"]) for entry in said]

    def kept(self) -> list[log_verifier.SignedHead]:
        return [
            log_verifier.open_note(path.read_text("utf-8"), SIGNER.verifier_key())
            for path in sorted(self.folder.glob("*.checkpoint"))
        ]


@pytest.fixture
def book(log: Log, tmp_path: Path) -> Book:
    return Book(log, tmp_path / "anchors")


async def grow(log: Log, tenant: UUID, count: int = 1) -> None:
    await log.append([numbered(number, tenant=tenant) for number in range(1, count + 1)], NOW)
    await log.sign(NOW)


async def test_trees_that_changed_are_entered_once_and_quiet_ones_daily(book: Book) -> None:
    busy, quiet = uuid7(), uuid7()
    await grow(book.log, quiet, 3)
    await grow(book.log, busy)
    await book.ledger.round()
    await book.ledger.round()
    at_first = [(f"tenantry/audit/{tenant}", size) for tenant, size in sorted([(quiet, 3), (busy, 1)])]
    assert await book.entered() == at_first
    await grow(book.log, busy)
    book.clock.advance(timedelta(minutes=1))
    await book.ledger.round()
    assert await book.entered() == [*at_first, (f"tenantry/audit/{busy}", 2)]
    book.clock.advance(DAY)
    await book.ledger.round()
    assert sorted((await book.entered())[3:]) == sorted(
        [(f"tenantry/audit/{quiet}", 3), (f"tenantry/audit/{busy}", 2)]
    )


async def test_each_head_of_the_ledger_is_kept_outside_and_never_opened_for_writing_again(book: Book) -> None:
    tenant = uuid7()
    for _ in range(3):
        await grow(book.log, tenant)
        await book.ledger.round()
    entries = await book.log.entries(LEDGER)
    heads = book.kept()
    assert [head.size for head in heads] == [1, 2, 3]
    for head in heads:
        assert head.origin == "tenantry/audit/ledger"
        assert head.root == log_verifier.root_of(map(log_verifier.leaf_hash, entries[: head.size]))
    for path in book.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    recorded = await book.log.admin.fetch("select tree_size, reference from audit.anchor order by tree_size")
    assert [tuple(row) for row in recorded] == [(size, f"{size:020d}.checkpoint") for size in (1, 2, 3)]


async def test_a_head_that_could_not_be_kept_is_kept_next_time(book: Book) -> None:
    book.folder.write_text("a file where the folder should be")
    await grow(book.log, uuid7())
    await book.ledger.round()
    book.folder.unlink()
    assert await book.log.admin.fetchval("select count(*) from audit.anchor") == 0
    await book.ledger.round()
    assert [head.size for head in book.kept()] == [1]


async def test_a_crash_between_keeping_and_recording_is_no_conflict(book: Book) -> None:
    await grow(book.log, uuid7())
    await book.ledger.round()
    async with book.log.admin.transaction():
        await book.log.admin.execute("set local session_replication_role = replica")
        await book.log.admin.execute("delete from audit.anchor")
    await book.ledger.round()
    assert await book.log.admin.fetchval("select count(*) from audit.anchor") == 1


async def test_another_head_of_the_same_size_is_a_conflict_and_what_was_kept_stays(tmp_path: Path) -> None:
    folder = WriteOnceFolder(tmp_path)
    name = await folder.put(7, "the first\n")
    assert await folder.put(7, "the first\n") == name
    with pytest.raises(AnchorConflict):
        await folder.put(7, "the second\n")
    assert (tmp_path / name).read_text() == "the first\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_anybody_follows_the_ledger_and_a_tenant_finds_its_log_in_it(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant, key = uuid7(), SIGNER.verifier_key()
    await log.append([numbered(number, tenant=tenant) for number in range(1, 6)], NOW)
    path, headers = f"/v1/tenants/{tenant}/audit/ledger", issuer.member(tenant)

    async def is_entered() -> bool:
        return (await audit.get(path, headers=headers)).is_success

    await eventually(is_entered, what="the entry in the ledger")
    told = (await audit.get(path, headers=headers)).json()
    ledger = log_verifier.open_note(told["ledger"]["checkpoint"], key)
    proof = [bytes.fromhex(piece) for piece in told["ledger"]["hashes"]]
    entry = base64.b64decode(told["entry"])
    entered = log_verifier.check_ledger(entry, told["leaf_index"], ledger, proof, key)
    assert (entered.origin, entered.size) == (f"tenantry/audit/{tenant}", 5)
    older = log_verifier.open_note((await audit.get("/v1/audit/ledger/checkpoint")).text, key)
    await log.append([numbered(6, tenant=tenant)], NOW)

    async def has_grown() -> bool:
        now = await audit.get("/v1/audit/ledger/checkpoint")
        return log_verifier.open_note(now.text, key).size > older.size

    await eventually(has_grown, what="the next entry")
    grown = (await audit.get("/v1/audit/ledger/consistency", params={"tree_size": older.size})).json()
    newer = log_verifier.open_note(grown["checkpoint"], key)
    hashes = [bytes.fromhex(piece) for piece in grown["hashes"]]
    log_verifier.check_growth(older, newer, hashes, "the older head")
    stranger = await audit.get(path, headers=issuer.member(uuid7()))
    assert (stranger.status_code, stranger.json()["code"]) == (404, "CHASSIS.NOT_FOUND")


async def test_an_empty_ledger_has_no_head_and_anchors_come_in_pages(
    audit: httpx.AsyncClient, log: Log
) -> None:
    for path in ("checkpoint", "consistency?tree_size=1"):
        answer = await audit.get(f"/v1/audit/ledger/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.EMPTY_LOG")
    assert (await audit.get("/v1/audit/anchors")).json() == {"anchors": [], "next": None}
    for size in (1, 2, 3):
        await log.admin.execute(
            "insert into audit.anchor values ('folder', $1, $2, 'note', 'there', $3)", size, bytes(32), NOW
        )
    first = (await audit.get("/v1/audit/anchors", params={"page_size": 2})).json()
    rest = (await audit.get("/v1/audit/anchors", params={"before": first["next"]})).json()
    assert [one["tree_size"] for one in first["anchors"] + rest["anchors"]] == [3, 2, 1]
    assert rest["next"] is None
