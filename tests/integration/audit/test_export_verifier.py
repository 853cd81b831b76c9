"""The verifier inside an export, on a machine that has only Python: no packages, no environment, another folder."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from chassis.ids import uuid7
from services.audit.exports.content import FORMAT
from tests.infra import eventually
from tests.integration.audit.asking import Asker, manifest_of
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Files = dict[str, bytes]


@pytest.fixture
async def asker(audit: httpx.AsyncClient, issuer: TestIssuer, log: Log) -> Asker:
    """Of a tenant with 300 records on each of three days, entered in the ledger and anchored."""
    tenant = uuid7()
    for day in range(3):
        await log.append([numbered(n, tenant=tenant) for n in range(1, 301)], NOW + day * DAY)

    async def is_in_the_ledger() -> bool:
        return bool(
            await log.admin.fetchval("select count(*) from audit.ledger_entry where tenant_id = $1", tenant)
        )

    await eventually(is_in_the_ledger, what="the entry in the ledger")
    return Asker(audit, issuer, tenant)


async def second_day(asker: Asker, **body: object) -> Files:
    return await asker.files(
        received_from=(NOW + DAY).isoformat(), received_to=(NOW + 2 * DAY).isoformat(), **body
    )


def verified(files: Files, folder: Path, *options: str) -> tuple[int, str]:
    """(exit status, output) of the export's own verifier."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    found = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", ".", *options],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stderr == ""
    return found.returncode, found.stdout


async def test_a_complete_export_proves_that_nothing_is_missing(asker: Asker, tmp_path: Path) -> None:
    files = await second_day(asker)
    assert manifest_of(files)["format"] == FORMAT
    status, said = verified(files, tmp_path / "export", "--key", SIGNER.verifier_key())
    assert status == 0, said
    assert "proved: all 300 records of the range are here" in said
    assert "proved: the ledger holds this log's first" in said
    assert any(name.startswith("anchors/") for name in files) == (
        "kept outside" in said and "anchors/" in said
    )
    assert verified(files, tmp_path / "other", "--key", "another+00000000+AAAA")[0] == 1


async def test_a_filtered_export_proves_each_record_and_says_that_others_may_be_missing(
    asker: Asker, tmp_path: Path
) -> None:
    files = await second_day(asker, filter={"action": "registry.*"})
    status, said = verified(files, tmp_path)
    assert status == 0, said
    assert "each of the 300 records stands in the log" in said
    assert "cannot prove: that no record which fits the filter is missing" in said


def without_line(files: Files, number: int) -> None:
    lines = files["audit.jsonl"].splitlines(keepends=True)
    del lines[number]
    files["audit.jsonl"] = b"".join(lines)


def edited(files: Files) -> None:
    files["audit.jsonl"] = files["audit.jsonl"].replace(b"operator-1", b"operator-2", 1)


def swapped(files: Files) -> None:
    lines = files["audit.jsonl"].splitlines(keepends=True)
    lines[3], lines[4] = lines[4], lines[3]
    files["audit.jsonl"] = b"".join(lines)


def narrowed(files: Files) -> None:
    """The last record goes, and the boundary takes its place, as if it had never been in the range."""
    lines = files["audit.jsonl"].splitlines(keepends=True)
    told = json.loads(files["proofs/boundary-right.json"])
    told.update(leaf=told["leaf"] - 1, entry=lines[-1].decode().rstrip("\n"))
    files["proofs/boundary-right.json"] = json.dumps(told).encode()
    files["audit.jsonl"] = b"".join(lines[:-1])
    manifest = json.loads(files["manifest.json"])
    manifest.update(end_leaf=manifest["end_leaf"] - 1, records=manifest["records"] - 1)
    files["manifest.json"] = json.dumps(manifest).encode()


def resigned(files: Files) -> None:
    """As whoever holds the key would cover it up: hashes and signature are made again."""
    manifest = json.loads(files["manifest.json"])
    for name in manifest["files"]:
        manifest["files"][name] = {
            "bytes": len(files[name]),
            "sha256": sha256(files[name]).hexdigest(),
        }
    if "records" in manifest:
        manifest["records"] = files["audit.jsonl"].count(b"\n")
    files["manifest.json"] = json.dumps(manifest).encode()
    digest = sha256(files["manifest.json"]).hexdigest()
    body = f"{manifest['origin']}/export\n{manifest['export_id']}\n{digest}\n"
    files["manifest.note"] = SIGNER.sign_text(body).encode()


CHANGES: dict[str, Callable[[Files], None]] = {
    "first record away": lambda files: without_line(files, 0),
    "a record away": lambda files: without_line(files, 150),
    "last record away": lambda files: without_line(files, -1),
    "edited": edited,
    "swapped": swapped,
    "narrowed": narrowed,
    "smaller checkpoint": lambda files: files.update(
        {"checkpoint": files["checkpoint"].replace(b"\n9", b"\n8", 1)}
    ),
}


async def test_whatever_is_changed_is_found_even_if_it_is_signed_again(
    asker: Asker, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    exported = await second_day(asker)
    for name, change in CHANGES.items():
        for covered_up in (False, True):
            with subtests.test(name, covered_up=covered_up):
                files = dict(exported)
                change(files)
                if covered_up:
                    resigned(files)
                status, said = verified(files, tmp_path / f"{name} {covered_up}")
                assert status == 1
                assert said.startswith("NOT VERIFIED: ")


async def test_an_older_checkpoint_is_held_against_an_export_of_everything(
    asker: Asker, tmp_path: Path
) -> None:
    older = manifest_of(await second_day(asker))
    checkpoint = (
        await asker.http.get(f"/v1/tenants/{asker.tenant}/audit/log/checkpoint", headers=asker.headers)
    ).text
    files = await asker.files()
    kept = tmp_path / "kept.checkpoint"
    kept.write_text(checkpoint)
    assert older["range_complete"]
    status, said = verified(files, tmp_path / "export", "--older", str(kept))
    assert status == 0, said
    assert "the log only grew since it had" in said
