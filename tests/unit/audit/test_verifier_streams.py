"""The verifier reads an export line by line: in the same memory however long it is, and what it reads twice is the same."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.audit.log.merkle import leaf_hash, node_hash
from services.audit.log.note import Checkpoint, Signer
from tenantry import log_verifier
from tenantry.log_verifier import Export, Unverified, received_at, verify_export

SIGNER = Signer("tenantry.example/audit", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ORIGIN = "tenantry/audit/one"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEW, MANY = 1 << 10, 1 << 14
MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-I", "-S", "verify.py", "."], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A process between the test and the verifier: on Linux, the peak of a child begins with the size of its parent."""


def time_of(leaf: int) -> str:
    return (NOW + timedelta(seconds=leaf)).isoformat()


def entry(leaf: int) -> bytes:
    """Of 2 kB, with a carriage return, which ends no line."""
    return b'{"received_at": "%s",\r"text": "%s"}' % (time_of(leaf).encode(), b"x" * 2000)


def levels_of(leaves: list[bytes]) -> list[list[bytes]]:
    """A tree of 2ⁿ leaves, from them to its root."""
    levels = [leaves]
    while len(below := levels[-1]) > 1:
        levels.append([node_hash(*pair) for pair in zip(below[::2], below[1::2], strict=True)])
    return levels


def write(folder: Path, size: int, *, is_complete: bool, after: bytes = b"") -> Path:
    """An export of a log of `size` records, a power of two, but the last; `after` follows its last line."""
    last, levels = size - 1, levels_of([leaf_hash(entry(leaf)) for leaf in range(size)])
    files = {
        "verify.py": Path(log_verifier.__file__).read_bytes(),
        "audit.jsonl": b"".join(entry(leaf) + b"\n" for leaf in range(last)) + after,
        "checkpoint": SIGNER.sign(Checkpoint(ORIGIN, size, levels[-1][0])).encode(),
    }
    if is_complete:
        files["proofs/range.json"] = told(first=0, end=size, size=size, hashes=[])
        files["proofs/boundary-right.json"] = told(leaf=last, entry=entry(last).decode(), hashes=[])
    else:
        paths = ([level[leaf >> n ^ 1].hex() for n, level in enumerate(levels[:-1])] for leaf in range(last))
        proofs = (told(leaf=leaf, hashes=path) + b"\n" for leaf, path in enumerate(paths))
        files["proofs/records.jsonl"] = b"".join(proofs) + after
    files["manifest.json"] = told(
        origin=ORIGIN,
        export_id="1",
        verifier_key=SIGNER.verifier_key(),
        range_complete=is_complete,
        first_leaf=0,
        end_leaf=last,
        received_from=None,
        received_to=time_of(last),
        checkpoint={"size": size, "root": levels[-1][0].hex()},
        files={name: {"sha256": sha256(data).hexdigest()} for name, data in files.items()},
    )
    body = f"{ORIGIN}/export\n1\n{sha256(files['manifest.json']).hexdigest()}\n"
    files["manifest.note"] = SIGNER.sign_text(body).encode()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def told(**said: object) -> bytes:
    return json.dumps(said).encode()


def peak(export: Path) -> int:
    """What the export's own verifier held at most, in the system's unit."""
    command = [sys.executable, "-I", "-S", "-c", MEASURED]
    return int(subprocess.run(command, cwd=export, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("is_complete", [True, False])
def test_memory_does_not_grow_with_the_records(tmp_path: Path, is_complete: bool) -> None:
    few, many = (peak(write(tmp_path / str(size), size, is_complete=is_complete)) for size in (FEW, MANY))
    assert many < 1.5 * few, (few, many)


@pytest.mark.parametrize("is_complete", [True, False])
def test_what_follows_the_last_newline_is_no_record(tmp_path: Path, is_complete: bool) -> None:
    report = verify_export(write(tmp_path, 8, is_complete=is_complete, after=b"{}\r"))
    assert any(" 7 records" in text for text in report.proved)


@pytest.mark.parametrize("change", ["shorter", "longer", "edited"])
def test_a_file_that_changes_after_it_was_proved_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    write(tmp_path, 8, is_complete=True)
    proved = [entry(leaf) for leaf in range(7)]
    changed = {"shorter": proved[:-1], "longer": [*proved, entry(6)], "edited": [*proved[:-1], entry(5)]}
    readings = iter([proved, changed[change]])
    monkeypatch.setattr(Export, "lines", lambda *_: iter(next(readings)))
    with pytest.raises(Unverified, match="changed while it was read"):
        verify_export(tmp_path)


@pytest.mark.parametrize("changed", [0, 1])
def test_a_record_and_its_proof_do_not_part_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: int
) -> None:
    write(tmp_path, 8, is_complete=False)
    names = "audit.jsonl", "proofs/records.jsonl"
    first = [(tmp_path / name).read_bytes().split(b"\n")[:-1] for name in names]
    then = [lines[:-1] if number == changed else lines for number, lines in enumerate(first)]
    readings = iter([*first, *then])
    monkeypatch.setattr(Export, "lines", lambda *_: iter(next(readings)))
    with pytest.raises(Unverified):
        verify_export(tmp_path)


def test_a_leaf_that_is_nested_too_deep_is_unreadable_and_no_crash() -> None:
    with pytest.raises(Unverified) as refused:
        received_at(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "record 7")
    assert (refused.value.place, refused.value.kind) == ("record 7", "unreadable")
