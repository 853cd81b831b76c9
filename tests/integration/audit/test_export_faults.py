"""Exports under fault: whatever is killed, an export ends once and whole, or says that it failed."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import psutil
import pytest

from chassis.clock import ManualClock
from chassis.ids import uuid7
from services.audit.exports import operations as exports
from services.audit.exports.files import ExportFolder
from services.audit.exports.jobs import BUSY, MODULE, Expiry
from services.audit.exports.writer import Told, run
from tests.infra import eventually
from tests.integration.audit.asking import DONE, Asker, unpacked
from tests.integration.audit.stage import KEYS, ROOT_KEY, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 4000


def writers() -> list[psutil.Process]:
    """The processes of this test that write exports."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if MODULE in command_of(child)]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def many(log: Log, tenant: UUID) -> None:
    for first in range(1, MANY, 1000):
        await log.append([numbered(n, tenant=tenant) for n in range(first, first + 1000)], NOW)


@pytest.mark.long
@pytest.mark.parametrize("phase", ["waiting", "reading", "drawing", "packing"])
async def test_a_writer_that_is_killed_begins_again_and_leaves_nothing_half(
    audit: httpx.AsyncClient,
    issuer: TestIssuer,
    log: Log,
    admin: asyncpg.Connection,
    tmp_path: Path,
    phase: str,
) -> None:
    tenant = uuid7()
    await many(log, tenant)
    asker = Asker(audit, issuer, tenant)
    # The writer stands still as soon as it wants to say that it is in this phase.
    await admin.execute(
        "create function audit.stop_here() returns trigger language plpgsql as $$ begin"
        f" if new.phase = '{phase}' and old.attempts = 1 and new.attempts = 1 and new.state = 'running'"
        " then perform pg_sleep(600); end if;"
        " return new; end $$;"
        "create trigger stop_here before update on audit.audit_export for each row execute function audit.stop_here()"
    )
    export_id = (await asker.post()).json()["export_id"]

    async def stands_still() -> bool:
        return bool(
            await admin.fetchval(
                "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
            )
        )

    await eventually(stands_still, 60, f"the writer in {phase}")
    [writer] = writers()
    writer.send_signal(signal.SIGKILL)
    assert list((tmp_path / "exports").glob("*/*.zip")) == []
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
    found = await asker.finished(export_id, 90)
    assert found["state"] == "ready", found
    files = unpacked((await asker.fetch(found)).content)
    assert len(files["audit.jsonl"].splitlines()) == found["records"] == MANY
    assert len(list((tmp_path / "exports").glob("*/*.zip"))) == 1
    assert list((tmp_path / "exports" / "work").iterdir()) == []
    assert len(await log.said("audit.export.ready.v1")) == 1


@pytest.mark.long
async def test_one_export_of_a_tenant_is_written_at_a_time_and_few_of_all(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    askers = [Asker(audit, issuer, uuid7()) for _ in range(3)]
    for asker in askers:
        await many(log, asker.tenant)
    ids = [(asker, (await asker.post()).json()["export_id"]) for asker in askers for _ in range(2)]
    seen: list[int] = []

    async def is_all_done() -> bool:
        shown = [(asker, await asker.show(export_id)) for asker, export_id in ids]
        running = [asker for asker, one in shown if one["state"] == "running"]
        for asker in askers:
            assert running.count(asker) <= 1
        seen.append(len(writers()))
        return all(one["state"] in DONE for _, one in shown)

    await eventually(is_all_done, 110, "all exports")
    assert max(seen) == 2  # `exports_at_once`
    for asker, export_id in ids:
        assert (await asker.show(export_id))["state"] == "ready"


async def queued(log: Log, tenant: UUID) -> UUID:
    await log.append([numbered(1, tenant=tenant)], NOW)
    async with log.database.worker() as tx:
        row = await exports.ask(
            tx,
            tenant,
            (None, None),
            None,
            by=("me", "user"),
            language="en",
            shows_personal=True,
            reason=None,
            keys=KEYS,
            now=NOW,
        )
    export_id: UUID = row["export_id"]
    return export_id


def told_of(log: Log, folder: Path, tenant: UUID, export_id: UUID) -> Told:
    database_url, worker_url = log.database.urls
    return Told(
        database_url=database_url,
        worker_database_url=worker_url,
        signing_key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        signing_name="tenantry.example/audit",
        root_key=ROOT_KEY,
        export_folder=folder / "exports",
        bundle_folder=folder / "bundles",
        tenant_id=tenant,
        export_id=export_id,
        at_once=1,
    )


async def test_a_writer_waits_its_turn(log: Log, tmp_path: Path) -> None:
    tenant = uuid7()
    told = told_of(log, tmp_path, tenant, await queued(log, tenant))
    for lock in (f"audit export of {tenant}", "audit export place 0"):
        other = await log.database.dedicated()
        await other.execute("select pg_advisory_lock(hashtextextended($1, 0))", lock)
        assert await run(told, ManualClock(NOW)) == BUSY
        await other.close()
    await log.sign(NOW)
    assert await run(told, ManualClock(NOW)) == 0
    async with log.database.reading(tenant) as tx:
        assert (await exports.one(tx, tenant, told.export_id))["state"] == "ready"


async def test_what_fails_is_tried_again_later_and_not_for_ever(log: Log, tmp_path: Path) -> None:
    tenant = uuid7()
    told = told_of(log, tmp_path, tenant, await queued(log, tenant))
    await log.sign(NOW)
    (tmp_path / "exports").write_text("no folder")
    clock, states = ManualClock(NOW), []
    for _ in range(10):
        assert await run(told, clock) == 0
        async with log.database.reading(tenant) as tx:
            states.append((await exports.one(tx, tenant, told.export_id))["state"])
    assert states == ["queued"] * 9 + ["failed"]
    async with log.database.reading(tenant) as tx:
        assert "NotADirectory" in (await exports.one(tx, tenant, told.export_id))["error"]


async def test_after_seven_days_the_file_is_gone_and_the_link_says_so(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log, tmp_path: Path
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    asker = Asker(audit, issuer, tenant)
    found = await asker.exported()
    clock = ManualClock(datetime.now(UTC))
    expiry = Expiry(log.database, ExportFolder(tmp_path / "exports"), clock)
    assert await expiry.expire_due() == 0
    clock.advance(timedelta(days=7, seconds=1))
    assert await expiry.expire_due() == 1
    assert list((tmp_path / "exports").glob("*/*.zip")) == []
    answer = await asker.fetch(found)
    assert (answer.status_code, answer.json()["code"]) == (410, "AUDIT.LINK_EXPIRED")
    shown = await asker.show(found["export_id"])
    assert (shown["state"], shown["link"]) == ("expired", None)
