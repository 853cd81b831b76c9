"""Other people's code reads our log: Tessera's fsck our tiles, transparency-dev's verifier our proofs."""

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.ids import uuid7
from services.audit.log import tiles
from services.audit.log.merkle import TILE_WIDTH
from tenantry import log_verifier
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

pytestmark = [pytest.mark.tiles, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program of this folder."""
    go = shutil.which("go")
    assert go is not None, "Go is not installed; `make test-tiles` looks for it"
    built = tmp_path_factory.mktemp("go") / "tiles"
    subprocess.run([go, "build", "-mod=readonly", "-o", built, "."], cwd=HERE, check=True)
    return built


@dataclass
class Copy:
    """A log fetched over HTTP into a folder, path by path."""

    http: httpx.AsyncClient
    tenant: UUID
    headers: dict[str, str]
    folder: Path

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        url = f"/v1/tenants/{self.tenant}/audit/{path}"
        return (await self.http.get(url, params=parameters, headers=self.headers)).raise_for_status()

    async def fetch(self) -> int:
        """Everything that a tree of the signed size has; answers the size."""
        self.folder.mkdir(exist_ok=True)
        note = (await self.get("log/checkpoint")).text
        (self.folder / "checkpoint").write_text(note, "utf-8")
        size = int(note.splitlines()[1])
        await self.row("entries", size)
        level, count = 0, size
        while count:
            await self.row(str(level), count)
            level, count = level + 1, count // TILE_WIDTH
        return size

    async def row(self, kind: str, count: int) -> None:
        for number in range(-(-count // TILE_WIDTH)):
            width = min(TILE_WIDTH, count - number * TILE_WIDTH)
            path = f"tile/{kind}/{tiles.path_of(number)}{'' if width == TILE_WIDTH else f'.p/{width}'}"
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes((await self.get(f"log/{path}")).content)

    async def prove(self, leaves: list[int], older: list[int]) -> None:
        """`proofs.json`: inclusion of these leaves, growth since these sizes."""
        entries = [
            entry
            for bundle in sorted(self.folder.glob("tile/entries/**/*"))
            if bundle.is_file()
            for entry in split(bundle)
        ]
        hashes = [log_verifier.leaf_hash(entry) for entry in entries]
        claims = [await self.claim("inclusion", leaf, {"leaf": leaf}, leaf=hashes[leaf]) for leaf in leaves]
        for size in older:
            root = log_verifier.root_of(hashes[:size])
            claims.append(await self.claim("consistency", size, {"tree_size": size}, old=root))
        (self.folder / "proofs.json").write_text(json.dumps(claims))

    async def claim(self, path: str, index: int, asked: dict[str, int], **known: bytes) -> dict[str, Any]:
        told = (await self.get(path, **asked)).json()
        head = log_verifier.open_note(told["checkpoint"], SIGNER.verifier_key())
        hashes = [bytes.fromhex(piece) for piece in told["hashes"]]
        return {
            "Index": index,
            "Size": head.size,
            "Root": text(head.root),
            "Hashes": [text(piece) for piece in hashes],
            **{name.title(): text(value) for name, value in known.items()},
        }


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def split(bundle: Path) -> list[bytes]:
    data, found = bundle.read_bytes(), []
    while data:
        length = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


def verdict(checker: Path, copy: Copy) -> subprocess.CompletedProcess[str]:
    origin = f"tenantry/audit/{copy.tenant}"
    command = [str(checker), str(copy.folder), origin, SIGNER.verifier_key()]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 66_000])
async def test_fsck_and_verifier_agree_with_the_log(
    audit_alone: httpx.AsyncClient, issuer: TestIssuer, log: Log, checker: Path, tmp_path: Path, size: int
) -> None:
    tenant, random = uuid7(), Random(size)  # noqa: S311 - no secret, but repeatable
    done = 0
    while done < size:
        count = min(size - done, random.randint(1, 5_000))
        await log.append([numbered(done + n + 1, tenant=tenant) for n in range(count)], NOW)
        done += count
    await log.sign(NOW)
    copy = Copy(audit_alone, tenant, issuer.member(tenant), tmp_path / "log")
    assert await copy.fetch() == size
    some = sorted({0, size - 1, size // 2, *(random.randrange(size) for _ in range(5))})
    await copy.prove(some, [leaf + 1 for leaf in some])
    found = verdict(checker, copy)
    assert found.returncode == 0, found.stderr
    assert f"proofs: {2 * len(some)}" in found.stdout


async def test_fsck_refuses_what_was_changed(
    audit_alone: httpx.AsyncClient, issuer: TestIssuer, log: Log, checker: Path, tmp_path: Path
) -> None:
    tenant = uuid7()
    await log.append([numbered(number, tenant=tenant) for number in range(1, 301)], NOW)
    await log.sign(NOW)
    copy = Copy(audit_alone, tenant, issuer.member(tenant), tmp_path / "log")
    await copy.fetch()
    await copy.prove([7], [7])
    assert verdict(checker, copy).returncode == 0
    for name in ("checkpoint", "tile/0/000", "tile/entries/001.p/44", "proofs.json"):
        file = copy.folder / name
        before = file.read_bytes()
        place = before.index(b'"Hashes": ["') + 14 if name == "proofs.json" else len(before) // 2
        changed = b"A" if before[place : place + 1] != b"A" else b"B"
        file.write_bytes(before[:place] + changed + before[place + 1 :])
        assert verdict(checker, copy).returncode == 1, f"a changed {name} was taken"
        file.write_bytes(before)
