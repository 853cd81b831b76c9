"""The verifier file on its own, as it lies in an export: with Python alone it proves a range and says what it cannot."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from chassis.clock import SystemClock
from chassis.ids import uuid7
from services.audit.log import merkle, proofs, store
from services.audit.log.anchors import Anchors, WriteOnceFolder
from services.audit.log.checkpoints import origin
from services.audit.log.evidence import outside
from services.audit.log.ledger import Ledger
from services.audit.log.note import Checkpoint
from tenantry import log_verifier
from tests.integration.audit.stage import KEY, SIGNER, Log
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, END, SIZE = 20, 50, 70
"""Ten records an hour; the range is hours 2 to 4."""


def beside(first: int, end: int, start: int, stop: int) -> list[tuple[int, int]]:
    """The parts of the tree that lie beside the range, from left to right."""
    if stop <= first or start >= end:
        return [(start, stop)]
    if first <= start and stop <= end:
        return []
    middle = start + (1 << ((stop - start - 1).bit_length() - 1))
    return beside(first, end, start, middle) + beside(first, end, middle, stop)


@dataclass
class Folder:
    """An export, unpacked, in an otherwise empty place."""

    path: Path

    def put(self, name: str, data: bytes) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_bytes(data)

    def sign(self, **changed: object) -> None:
        """As audit does; `changed` of the manifest is what a forger with the key would say."""
        told = json.loads((self.path / "manifest.json").read_text()) | changed
        names = [path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file()]
        told["files"] = {
            str(name): {"sha256": sha256((self.path / name).read_bytes()).hexdigest()}
            for name in names
            if not name.name.startswith("manifest")
        }
        manifest = json.dumps(told).encode()
        self.put("manifest.json", manifest)
        body = f"{told['origin']}/export\n{told['export_id']}\n{sha256(manifest).hexdigest()}\n"
        signature = base64.b64encode(SIGNER.key_id + KEY.sign(body.encode())).decode()
        self.put("manifest.note", f"{body}\n— {SIGNER.name} {signature}\n".encode())

    def verify(self, *options: str) -> tuple[int, str]:
        """Python alone: no site packages, no environment, no folder of ours."""
        command = [sys.executable, "-I", "-S", str(self.path / "verify.py"), str(self.path), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd="/")
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
async def export(log: Log, tmp_path: Path) -> Folder:
    """Of a range with records on both sides, in the ledger and anchored."""
    tenant, folder = uuid7(), Folder(tmp_path / "export")
    for hour in range(SIZE // 10):
        events = [numbered(10 * hour + n, tenant=tenant) for n in range(1, 11)]
        await log.append(events, NOW + hour * HOUR)
    await log.sign(NOW)
    anchors = Anchors(log.database, [WriteOnceFolder(tmp_path / "anchors")])
    await Ledger(log.database, SIGNER, anchors, SystemClock(), seconds=60, quiet_seconds=60).round()
    async with log.database.reading(tenant) as tx:
        head = await proofs.signed_head(tx, tenant)
        places = beside(FIRST - 1, END + 1, 0, SIZE)
        tiles = await store.tiles_at(tx, tenant, merkle.tiles_of_proof(places))
        hashes = [merkle.range_root(*place, merkle.node_reader(tiles)).hex() for place in places]
    entries = await log.entries(tenant)
    fill(folder, tenant, head, entries, hashes)
    for name, data in (await outside(log.database, tenant, head)).items():
        folder.put(name, data)
    folder.sign()
    return folder


def fill(
    folder: Folder, tenant: UUID, head: store.StoredCheckpoint, entries: list[bytes], hashes: list[str]
) -> None:
    folder.put("verify.py", Path(log_verifier.__file__).read_bytes())
    folder.put("checkpoint", head.note.encode())
    folder.put("audit.jsonl", b"".join(entry + b"\n" for entry in entries[FIRST:END]))
    told = {"first": FIRST - 1, "end": END + 1, "size": SIZE, "hashes": hashes}
    folder.put("proofs/range.json", json.dumps(told).encode())
    for side, leaf in (("left", FIRST - 1), ("right", END)):
        said = {"leaf": leaf, "entry": entries[leaf].decode(), "hashes": []}
        folder.put(f"proofs/boundary-{side}.json", json.dumps(said).encode())
    manifest = {
        "origin": origin(tenant),
        "export_id": str(uuid7()),
        "verifier_key": SIGNER.verifier_key(),
        "range_complete": True,
        "first_leaf": FIRST,
        "end_leaf": END,
        "received_from": (NOW + 2 * HOUR).isoformat(),
        "received_to": (NOW + 5 * HOUR).isoformat(),
        "checkpoint": {"size": head.size, "root": head.root.hex()},
        "files": {},
    }
    folder.put("manifest.json", json.dumps(manifest).encode())


async def test_a_whole_range_is_proved_with_python_alone(export: Folder) -> None:
    status, said = export.verify("--key", SIGNER.verifier_key())
    assert status == 0, said
    assert "all 30 records of the range are here" in said
    assert "the ledger holds this log's first 70 records" in said
    assert "anchors/00000000000000000001.checkpoint was kept outside" in said
    assert "cannot prove" not in said
    assert "whose key it is" in export.verify()[1]


def lines(export: Folder) -> list[bytes]:
    return (export.path / "audit.jsonl").read_bytes().splitlines(keepends=True)


def without_one(export: Folder) -> None:
    export.put("audit.jsonl", b"".join(lines(export)[:7] + lines(export)[8:]))


def without_the_first(export: Folder) -> None:
    """And the boundary moved up, as if the range began with the second."""
    found = lines(export)
    said = {"leaf": FIRST, "entry": found[0].decode().strip(), "hashes": []}
    export.put("audit.jsonl", b"".join(found[1:]))
    export.put("proofs/boundary-left.json", json.dumps(said).encode())


def edited(export: Folder) -> None:
    export.put(
        "audit.jsonl", (export.path / "audit.jsonl").read_bytes().replace(b"operator-1", b"operator-2", 1)
    )


def reordered(export: Folder) -> None:
    found = lines(export)
    export.put("audit.jsonl", b"".join([found[1], found[0], *found[2:]]))


@pytest.mark.parametrize(
    ("spoil", "changed", "found"),
    [
        (without_one, {}, "it has 29 records, the range 30"),
        (without_one, {"end_leaf": END - 1}, "[proof]"),
        (without_the_first, {"first_leaf": FIRST + 1}, "[proof]"),
        (edited, {}, "[root]"),
        (reordered, {}, "[root]"),
        (lambda _: None, {"received_from": (NOW + HOUR).isoformat()}, "the left boundary"),
        (lambda _: None, {"received_to": (NOW + 6 * HOUR).isoformat()}, "the right boundary"),
        (lambda _: None, {"received_to": (NOW + 4 * HOUR).isoformat()}, "from outside the range"),
        (lambda _: None, {"origin": "tenantry/audit/other"}, "[other-log]"),
    ],
)
async def test_what_is_not_the_range_is_refused_even_if_the_manifest_is_signed(
    export: Folder, spoil: Callable[[Folder], None], changed: dict[str, object], found: str
) -> None:
    spoil(export)
    export.sign(**changed)
    status, said = export.verify()
    assert (status, said.startswith("NOT VERIFIED: "), found in said) == (1, True, True), said


@pytest.mark.parametrize(
    "name", ["audit.jsonl", "checkpoint", "manifest.json", "manifest.note", "proofs/range.json", "verify.py"]
)
async def test_a_file_that_was_changed_is_named(export: Folder, name: str) -> None:
    export.put(name, (export.path / name).read_bytes() + b"\n")
    status, said = export.verify()
    assert status == 1, said
    assert "NOT VERIFIED: " in said


async def test_an_older_checkpoint_that_the_export_does_not_reach_back_to_is_said_not_proved(
    export: Folder, log: Log, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text((export.path / "checkpoint").read_text())
    status, said = export.verify("--older", str(kept))
    assert (status, "since it had 70 records" in said) == (0, True), said
    root = bytes(32)
    kept.write_text(SIGNER.sign(log_checkpoint(export, 90, root)))
    assert "rolled-back" in export.verify("--older", str(kept))[1]
    kept.write_text(SIGNER.sign(log_checkpoint(export, 30, root)))
    status, said = export.verify("--older", str(kept))
    assert (status, "cannot prove: that the log of 30 records is its beginning" in said) == (0, True), said


def log_checkpoint(export: Folder, size: int, root: bytes) -> Checkpoint:
    return Checkpoint(json.loads((export.path / "manifest.json").read_text())["origin"], size, root)


async def test_a_wrong_call_is_told_how_to_call(export: Folder) -> None:
    for options in (("--help",), ("--key",), ("more", "words")):
        assert export.verify(*options)[0] == 2
