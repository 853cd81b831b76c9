"""The log read as C2SP tlog-tiles over HTTP: the tree is recomputed from tiles and bundles alone."""

from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from chassis.ids import uuid7
from services.audit.log import merkle, tiles
from services.audit.log.merkle import HASH_BYTES, TILE_WIDTH
from tenantry import log_verifier
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 600


class TileReader:
    """Knows the prefix of a log and nothing else of us."""

    def __init__(self, http: httpx.AsyncClient, issuer: TestIssuer, tenant: UUID) -> None:
        self._http = http
        self._headers = issuer.member(tenant)
        self._prefix = f"/v1/tenants/{tenant}/audit/log"

    async def get(self, path: str) -> httpx.Response:
        return await self._http.get(f"{self._prefix}/{path}", headers=self._headers)

    async def row(self, kind: str, size: int) -> bytes:
        """All tiles (or bundles) of one kind that hold `size` things, joined."""
        found = b""
        for number in range(-(-size // TILE_WIDTH)):
            width = min(TILE_WIDTH, size - number * TILE_WIDTH)
            part = "" if width == TILE_WIDTH else f".p/{width}"
            found += (await self.get(f"tile/{kind}/{tiles.path_of(number)}{part}")).raise_for_status().content
        return found


def entries_in(bundles: bytes) -> list[bytes]:
    found = []
    while bundles:
        length = int.from_bytes(bundles[:2], "big")
        found.append(bundles[2 : 2 + length])
        bundles = bundles[2 + length :]
    return found


@pytest.fixture
async def reader(audit: httpx.AsyncClient, issuer: TestIssuer, log: Log) -> TileReader:
    """Of a log that grew by batches of many sizes."""
    tenant = uuid7()
    first = 1
    for count in (1, 254, 1, 2, 300, 42):
        await log.append([numbered(first + n, tenant=tenant) for n in range(count)], NOW)
        first += count
    await log.sign(NOW)
    return TileReader(audit, issuer, tenant)


async def test_tiles_and_bundles_give_the_signed_root(reader: TileReader) -> None:
    note = (await reader.get("checkpoint")).text
    head = log_verifier.open_note(note, SIGNER.verifier_key())
    assert head.size == SIZE
    leaves = merkle.split(await reader.row("0", SIZE))
    entries = entries_in(await reader.row("entries", SIZE))
    assert [log_verifier.leaf_hash(entry) for entry in entries] == leaves
    assert log_verifier.root_of(leaves) == head.root
    above = merkle.split(await reader.row("1", SIZE // TILE_WIDTH))
    assert above == [log_verifier.root_of(leaves[:256]), log_verifier.root_of(leaves[256:512])]


async def test_a_tile_of_an_earlier_size_is_the_beginning_of_the_later_one(reader: TileReader) -> None:
    whole = (await reader.get("tile/0/000")).content
    assert len(whole) == TILE_WIDTH * HASH_BYTES
    for width in (1, 100, 255):
        answer = await reader.get(f"tile/0/000.p/{width}")
        assert answer.content == whole[: width * HASH_BYTES]
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["content-type"] == "application/octet-stream"


NOT_THERE = [
    "0/002",  # not full yet
    "0/002.p/89",  # one more than there are
    "0/003.p/1",
    "1/000",
    "2/000.p/1",
    "64/000",
    "00/000",
    "0/0",
    "0/1000",
    "0/000.p/0",
    "0/000.p/256",
    "0/000.p/01",
    "0/x000/000",
    "0/x001/0",
    "-1/000",
    "data/000",
    "entries/002",
    "entries/x",
    "entries/000.p/256",
]


async def test_what_the_signed_tree_does_not_have_is_not_found(
    reader: TileReader, subtests: pytest.Subtests
) -> None:
    for path in NOT_THERE:
        with subtests.test(path):
            answer = await reader.get(f"tile/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.TILE_NOT_FOUND")


def test_numbers_of_tiles_are_written_in_groups_of_three_digits() -> None:
    paths = {0: "000", 7: "007", 999: "999", 1_000: "x001/000", 1_234_067: "x001/x234/067"}
    for number, path in paths.items():
        assert tiles.path_of(number) == path
        assert tiles.place_of(path) == (number, TILE_WIDTH)
        assert tiles.place_of(f"{path}.p/9") == (number, 9)
