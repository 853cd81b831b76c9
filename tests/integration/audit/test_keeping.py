"""Old months: sealed into bundles, read as if they were in the table, dropped by one function and by nothing else."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from chassis.ids import uuid7
from services.audit.keeping.errors import BundleDamaged
from services.audit.keeping.holds import operations as holds
from services.audit.keeping.holds.operations import Hold
from services.audit.log.proofs import prove_consistency, prove_inclusion
from tenantry.log_verifier import root_from_inclusion
from tests.infra import ServiceDsns
from tests.integration.audit.old_months import APRIL, MARCH, NOW, OldMonths, events
from tests.integration.audit.stage import Log


@pytest.fixture
async def old(log: Log, tmp_path: Path) -> OldMonths:
    return OldMonths(log, tmp_path)


@pytest.fixture
async def tenant(old: OldMonths) -> UUID:
    """Of a log with 700 records in March 2024, 300 in April, 2 today; signed and anchored."""
    tenant = uuid7()
    await old.write(tenant)
    await old.anchor()
    return tenant


async def test_records_are_the_same_before_and_after_their_months_left_the_table(
    old: OldMonths, tenant: UUID
) -> None:
    before = await old.log.entries(tenant)
    assert len(before) == 1002
    await old.keeper.keep()
    assert not await old.months() & {"03", "04"}
    assert await old.read(tenant) == before
    for first in (0, 255, 256, 699, 700, 999, 1000, 1001):
        assert await old.read(tenant, first, 3) == before[first : first + 3]


async def test_a_month_that_a_hold_keeps_in_the_table_is_read_before_one_that_left(
    old: OldMonths, tenant: UUID
) -> None:
    before = await old.log.entries(tenant)
    async with old.log.database.worker() as tx:
        hold = Hold(reason="march", received_to=NOW.replace(year=2024, month=3, day=31))
        await holds.place(tx, tenant, hold, "lawyer-1", NOW)
    await old.keeper.keep()
    assert await old.months() & {"03", "04"} == {"03"}
    assert await old.read(tenant) == before
    assert await old.read(tenant, 690, 20) == before[690:710]


async def test_every_proof_stays_valid_and_the_log_goes_on_growing(old: OldMonths, tenant: UUID) -> None:
    entries = await old.log.entries(tenant)
    await old.keeper.keep()
    await old.log.append(events(tenant, 2000, 300), NOW)
    await old.log.sign(NOW)
    rows = {}
    async with old.log.database.reading(tenant) as tx:
        for leaf in (0, 300, 699, 700, 999, 1001):
            rows[leaf] = await prove_inclusion(tx, tenant, leaf)
        await prove_consistency(tx, tenant, 701)
        stored = await old.reader.rows_from(tx, tenant, 0, 2000)
    assert len(stored) == 1302
    for leaf, (checkpoint, path) in rows.items():
        assert stored[leaf]["entry"] == entries[leaf]
        root = root_from_inclusion(stored[leaf]["leaf_hash"], leaf, checkpoint.size, path)
        assert root == checkpoint.root


async def test_a_quiet_log_whose_last_tile_is_not_full_leaves_the_table_and_grows_again(
    old: OldMonths,
) -> None:
    tenant = uuid7()
    await old.write(tenant, (10, 7))
    await old.anchor()
    entries = await old.log.entries(tenant)
    await old.keeper.keep()
    assert not await old.log.admin.fetchval(
        "select count(*) from audit.audit_event where tenant_id = $1 and received_at < '2025-01-01'", tenant
    )
    await old.log.append(events(tenant, 100, 400), NOW)
    await old.log.sign(NOW)
    async with old.log.database.reading(tenant) as tx:
        checkpoint, path = await prove_inclusion(tx, tenant, 12)
        row = (await old.reader.rows_from(tx, tenant, 12, 1))[0]
    assert row["entry"] == entries[12]
    assert root_from_inclusion(row["leaf_hash"], 12, checkpoint.size, path) == checkpoint.root


async def test_a_time_is_found_on_both_sides_of_the_seam(old: OldMonths, tenant: UUID) -> None:
    await old.keeper.keep()
    await old.log.append(events(tenant, 2000, 5), NOW + timedelta(days=1))
    march, april = (
        old.log.admin.fetchval("select $1::date::timestamptz + '9 d'", day) for day in (MARCH, APRIL)
    )
    async with old.log.database.reading(tenant) as tx:
        assert await old.reader.first_at(tx, tenant, await march) == 0
        assert await old.reader.first_at(tx, tenant, await april) == 700
        assert await old.reader.first_at(tx, tenant, NOW) == 1000
        assert await old.reader.first_at(tx, tenant, NOW + timedelta(hours=1)) == 1002
        assert await old.reader.first_at(tx, tenant, NOW + timedelta(days=2)) is None


@pytest.mark.parametrize("damage", ["edit", "cut", "remove"])
async def test_a_bundle_that_somebody_changed_is_not_read(old: OldMonths, tenant: UUID, damage: str) -> None:
    await old.keeper.keep()
    first = old.bundles()[0]
    whole = first.read_bytes()
    first.unlink()
    if damage != "remove":
        first.write_bytes(whole[:-100] if damage == "cut" else whole[:50] + b"\0" + whole[51:])
    with pytest.raises(BundleDamaged):
        await old.read(tenant)


async def test_nothing_is_dropped_before_its_time(old: OldMonths, tenant: UUID) -> None:
    old.clock.advance(-timedelta(days=150))
    await old.keeper.keep()
    assert len(old.bundles()) == 2
    assert await old.drop(MARCH) == "young"
    assert {"03", "04"} <= await old.months()


async def test_nothing_is_dropped_that_is_in_no_bundle(old: OldMonths, tenant: UUID) -> None:
    assert await old.drop(MARCH) == "unsealed"


async def test_nothing_is_dropped_that_no_anchor_covers(old: OldMonths) -> None:
    tenant = uuid7()
    await old.write(tenant)
    await old.keeper.keep()
    assert len(old.bundles()) == 2
    assert await old.drop(MARCH) == "unanchored"
    await old.anchor()
    assert await old.drop(MARCH) == 700


@pytest.mark.parametrize(
    ("hold", "stays"),
    [
        (Hold(reason="all"), {"03", "04"}),
        (Hold(reason="a person", subject="member-1"), {"03", "04"}),
        (Hold(reason="march", received_to=NOW.replace(year=2024, month=3, day=31)), {"03"}),
        (Hold(reason="april", received_from=NOW.replace(year=2024, month=4, day=1)), {"04"}),
        (Hold(reason="later", received_from=NOW), set()),
    ],
)
async def test_nothing_is_dropped_that_a_hold_covers(
    old: OldMonths, tenant: UUID, hold: Hold, stays: set[str]
) -> None:
    async with old.log.database.worker() as tx:
        placed = await holds.place(tx, tenant, hold, "lawyer-1", NOW)
    await old.keeper.keep()
    assert await old.months() & {"03", "04"} == stays
    async with old.log.database.worker() as tx:
        await holds.release(tx, tenant, placed["hold_id"], "settled", "lawyer-2", NOW)
    await old.keeper.keep()
    assert not await old.months() & {"03", "04"}


async def test_a_hold_ends_by_itself(old: OldMonths, tenant: UUID) -> None:
    async with old.log.database.worker() as tx:
        await holds.place(tx, tenant, Hold(reason="x", until=NOW + timedelta(days=1)), "lawyer-1", NOW)
    await old.keeper.keep()
    assert await old.drop(MARCH) == "held"
    old.clock.advance(timedelta(days=1))
    assert await old.drop(MARCH) == 700


async def test_a_hold_that_is_being_placed_is_waited_for(old: OldMonths, tenant: UUID) -> None:
    """Without the lock the month would go while the hold is on its way."""
    old.clock.advance(-timedelta(days=150))
    await old.keeper.keep()
    old.clock.advance(timedelta(days=150))
    async with old.log.database.worker() as tx:
        await holds.place(tx, tenant, Hold(reason="in time"), "lawyer-1", NOW)
        dropping = asyncio.create_task(old.drop(MARCH))
        await wait_for_lock(old.log.admin, "advisory")
    assert await dropping == "held"


async def wait_for_lock(admin: asyncpg.Connection, kind: str) -> None:
    async with asyncio.timeout(15):
        while not await admin.fetchval(
            "select count(*) from pg_locks where locktype = $1 and not granted", kind
        ):
            await asyncio.sleep(0.01)


async def test_who_reads_while_a_month_is_dropped_reads_on(old: OldMonths, tenant: UUID) -> None:
    """A drop that had the month and waited for its parent would wait for a reader who waits for the month."""
    old.clock.advance(-timedelta(days=150))
    await old.keeper.keep()
    old.clock.advance(timedelta(days=150))
    async with old.log.database.reading(tenant) as tx:
        assert await tx.fetchval("select count(*) from audit_event where received_at > $1", APRIL) == 302
        dropping = asyncio.create_task(old.drop(MARCH))
        await wait_for_lock(old.log.admin, "relation")
        assert await tx.fetchval("select count(*) from audit_event where tenant_id = $1", tenant) == 1_002
    assert await dropping == 700


FORBIDDEN = [
    "drop table audit_event_202403",
    "alter table audit_event detach partition audit_event_202403",
    "truncate audit_event_202403",
    "delete from audit_event_202403",
    "update audit_hold set reason = 'another'",
    "update audit_hold set released_at = null, released_by = null",
    "delete from audit_hold",
    "delete from audit_bundle",
    "update audit_bundle set expired_at = now()",
    "update audit_bundle set kept_until = now()",
    "update audit_retention set kept = '1 day'",
    "insert into audit_retention values ('none', '1 day')",
    "alter table audit_hold disable trigger all",
]


@pytest.mark.parametrize("login", ["app", "worker"])
async def test_no_role_drops_or_forgets_in_another_way(
    old: OldMonths, tenant: UUID, service_dsns: Callable[[str], ServiceDsns], login: str
) -> None:
    async with old.log.database.worker() as tx:
        await holds.place(tx, tenant, Hold(reason="all"), "lawyer-1", NOW)
    await old.keeper.keep()
    dsns = service_dsns("audit")
    url = {"app": dsns.database_url, "worker": dsns.worker_database_url}[login]
    connection = await asyncpg.connect(url, server_settings={"search_path": "audit"})
    try:
        await connection.execute("select set_config('tenantry.tenant_id', $1, false)", str(tenant))
        for sql in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
    finally:
        await connection.close()
    if login == "app":
        assert await old.log.admin.fetchval(
            "select not has_function_privilege('audit_app', 'audit.drop_audit_month(date, timestamptz)', 'execute')"
        )


async def test_after_seven_years_the_entries_go_and_the_proofs_stay(old: OldMonths, tenant: UUID) -> None:
    """Seven years from the time of the event, which these events say is today: nothing goes before."""
    await old.keeper.keep()
    assert len(old.bundles()) == 2
    old.clock.advance(timedelta(days=365 * 7))
    await old.keeper.keep()
    assert len(old.bundles()) == 2
    old.clock.advance(timedelta(days=900))
    async with old.log.database.worker() as tx:
        placed = await holds.place(tx, tenant, Hold(reason="all"), "lawyer-1", old.clock.now())
    await old.keeper.keep()
    assert len(old.bundles()) == 2
    async with old.log.database.worker() as tx:
        await holds.release(tx, tenant, placed["hold_id"], "settled", "lawyer-2", old.clock.now())
    await old.keeper.keep()
    assert not old.bundles()
    assert await old.read(tenant) == (await old.log.entries(tenant))
    async with old.log.database.reading(tenant) as tx:
        checkpoint, path = await prove_inclusion(tx, tenant, 1001)
        row = (await old.reader.rows_from(tx, tenant, 1001, 1))[0]
    assert root_from_inclusion(row["leaf_hash"], 1001, checkpoint.size, path) == checkpoint.root


async def test_a_body_beside_its_leaf_stays_as_long_as_the_leaf_and_no_longer(old: OldMonths) -> None:
    tenant = uuid7()
    first, last = (replace(one, data=b'{"text":"%s"}' % (b"x" * 70_000)) for one in events(tenant, 2000, 2))
    async with old.log.database.worker() as tx:
        await tx.fetchval("select make_audit_months($1)", MARCH)
    await old.log.append([first], datetime(2024, 3, 5, tzinfo=UTC))
    await old.write(tenant, (10, 7))
    await old.log.append([last], NOW)
    await old.anchor()
    await old.keeper.keep()

    async def kept() -> list[int]:
        rows = await old.log.admin.fetch("select leaf_index from audit.audit_body order by leaf_index")
        return [row["leaf_index"] for row in rows]

    assert await kept() == [0, 20]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="as long as its leaf"):
        await old.log.admin.execute("delete from audit.audit_body")
    old.clock.advance(timedelta(days=365 * 7 + 900))
    await old.keeper.keep()
    assert not old.bundles()
    assert await kept() == [20]


async def test_two_keepers_beside_each_other_seal_each_month_once(old: OldMonths, tenant: UUID) -> None:
    await asyncio.gather(old.keeper.keep(), OldMonths(old.log, old.folder).keeper.keep())
    assert len(old.bundles()) == 2
    assert await old.log.admin.fetchval("select count(*) from audit.audit_bundle") == 2
