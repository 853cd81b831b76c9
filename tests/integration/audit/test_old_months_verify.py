"""`tenantry audit verify` over the seam, and an export of what left the table long ago."""

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from chassis.ids import uuid7
from services.audit.keeping.bundles.format import frame_of, rows_of
from tenantry.commands import running
from tenantry.commands.audit.verify import Wanted, verified
from tenantry.stack.errors import StackError
from tests.integration.audit.asking import Asker, manifest_of
from tests.integration.audit.old_months import MARCH, OldMonths
from tests.integration.audit.stage import Log
from tests.integration.audit.test_export_verifier import verified as verified_export
from tests.integration.audit.test_verify import Installation
from tests.integration.audit.tokens import TestIssuer

ALL = Wanted(None, {}, None, False)


@pytest.fixture
async def old(
    audit: httpx.AsyncClient,
    issuer: TestIssuer,
    log: Log,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> OldMonths:
    async def token(*_: object) -> str:
        return issuer.operator()["Authorization"].removeprefix("Bearer ")

    monkeypatch.setattr(running, "stack", lambda: Installation(str(audit.base_url)))
    monkeypatch.setattr(running, "operator_token", token)
    return OldMonths(log, tmp_path)


async def sealed(old: OldMonths) -> UUID:
    """A log whose first month is a bundle and nothing else."""
    tenant = uuid7()
    await old.write(tenant, (300, 40))
    await old.anchor()
    await old.keeper.keep()
    assert not await old.log.admin.fetchval("select to_regclass('audit.audit_event_202403')")
    return tenant


async def test_a_log_whose_oldest_month_is_a_bundle_verifies(old: OldMonths) -> None:
    report = await verified(await sealed(old), ALL)
    assert any("342" in text for text in report.proved), report


async def test_a_bundle_that_was_made_again_with_another_record_does_not(old: OldMonths) -> None:
    """As somebody would who has the disk and the database: the frame is whole, its hashes too."""
    tenant = await sealed(old)
    bundle = old.bundles()[0]
    row = await old.log.admin.fetchrow(
        "select offsets, bytes from audit.audit_bundle where tenant_id = $1 and first_leaf = 0", tenant
    )
    assert row is not None
    whole = bundle.read_bytes()
    rows = rows_of(whole[: row["offsets"][1]])
    entry = rows[7]["entry"].replace(b"operator-1", b"operator-2")
    rows[7] |= {"entry": entry, "leaf_hash": sha256(b"\0" + entry).digest(), "actor_id": "operator-2"}
    frame = frame_of(rows)
    bundle.unlink()
    bundle.write_bytes(frame + whole[row["offsets"][1] :])
    async with old.log.admin.transaction():
        await old.log.admin.execute("set local session_replication_role = replica")
        await old.log.admin.execute(
            "update audit.audit_bundle set bytes = $2, offsets = array_prepend(0::bigint,"
            " (select array_agg(o + $3) from unnest(offsets[2:]) o)) where tenant_id = $1 and first_leaf = 0",
            tenant,
            len(whole) - row["offsets"][1] + len(frame),
            len(frame) - row["offsets"][1],
        )
    with pytest.raises(StackError, match="NOT VERIFIED"):
        await verified(tenant, ALL)


async def test_a_bundle_that_is_gone_ends_the_verification(old: OldMonths) -> None:
    tenant = await sealed(old)
    old.bundles()[0].unlink()
    with pytest.raises(StackError, match="500"):
        await verified(tenant, ALL)


async def test_an_export_reads_over_the_seam_and_proves_completeness(
    audit: httpx.AsyncClient, issuer: TestIssuer, old: OldMonths, tmp_path: Path
) -> None:
    tenant = await sealed(old)
    files = await Asker(audit, issuer, tenant).files(received_from=f"{MARCH}T00:00:00Z")
    manifest = manifest_of(files)
    assert (manifest["first_leaf"], manifest["range_complete"]) == (0, True)
    assert manifest["records"] >= 342
    status, said = verified_export(files, tmp_path / "export")
    assert status == 0, said
