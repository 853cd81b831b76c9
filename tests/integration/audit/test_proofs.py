"""Proofs over the HTTP API convince a verifier that shares no code with audit, for every leaf of every small tree."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.ids import uuid7
from tenantry import log_verifier
from tenantry.commands.audit.reading import entry_of
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LARGEST = 11


class Reader:
    """What a customer's auditor has: a token, the verifier key, and the answers of the API."""

    def __init__(self, http: httpx.AsyncClient, tenant: UUID, headers: dict[str, str]) -> None:
        self._http = http
        self._base = f"/v1/tenants/{tenant}/audit"
        self._headers = headers

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        answer = await self._http.get(f"{self._base}/{path}", params=parameters, headers=self._headers)
        return answer.raise_for_status()

    async def entries(self) -> list[bytes]:
        """Every record, three to a page."""
        found: list[bytes] = []
        following: int | None = 0
        while following is not None:
            page = (await self.get("records", first=following, page_size=3)).json()
            found += [entry_of(record, len(found) + i) for i, record in enumerate(page["records"])]
            following = page["next"]
        return found

    async def proof(self, path: str, **parameters: int) -> tuple[log_verifier.SignedHead, list[bytes]]:
        """The head that comes with a proof, its signature checked, and the hashes."""
        told = (await self.get(path, **parameters)).json()
        head = log_verifier.open_note(told["checkpoint"], SIGNER.verifier_key())
        assert head.size == told["tree_size"]
        return head, [bytes.fromhex(piece) for piece in told["hashes"]]


@pytest.fixture
def tenant() -> UUID:
    return uuid7()


@pytest.fixture
def reader(audit: httpx.AsyncClient, issuer: TestIssuer, tenant: UUID) -> Reader:
    return Reader(audit, tenant, issuer.member(tenant))


async def test_every_leaf_and_every_older_head_of_every_small_tree_is_proven(
    reader: Reader, log: Log, tenant: UUID
) -> None:
    roots: list[bytes] = []
    for size in range(1, LARGEST + 1):
        await log.append([numbered(size, tenant=tenant)], NOW)
        await log.sign(NOW)
        entries = await reader.entries()
        roots.append(log_verifier.root_of([*map(log_verifier.leaf_hash, entries)]))
        for index, entry in enumerate(entries):
            head, proof = await reader.proof("inclusion", leaf=index)
            leaf = log_verifier.leaf_hash(entry)
            assert (head.size, head.root) == (size, roots[-1])
            assert log_verifier.root_from_inclusion(leaf, index, size, proof) == head.root
        for old, root in enumerate(roots, 1):
            head, proof = await reader.proof("consistency", tree_size=old)
            assert log_verifier.is_consistent(old, size, root, head.root, proof)


async def test_proofs_hold_across_the_borders_of_tiles(reader: Reader, log: Log, tenant: UUID) -> None:
    for first, last in ((1, 255), (256, 257), (258, 700)):
        await log.append([numbered(number, tenant=tenant) for number in range(first, last + 1)], NOW)
        await log.sign(NOW)
    leaves = [log_verifier.leaf_hash(entry) for entry in await log.entries(tenant)]
    for index in (0, 1, 254, 255, 256, 257, 511, 512, 699):
        head, proof = await reader.proof("inclusion", leaf=index)
        assert log_verifier.root_from_inclusion(leaves[index], index, 700, proof) == head.root
    for old in (1, 255, 256, 257, 512, 699, 700):
        head, proof = await reader.proof("consistency", tree_size=old)
        assert log_verifier.is_consistent(old, 700, log_verifier.root_of(leaves[:old]), head.root, proof)


async def test_growth_is_proved_up_to_any_checkpoint_that_was_signed(
    reader: Reader, log: Log, tenant: UUID
) -> None:
    for size in range(1, 8):
        await log.append([numbered(size, tenant=tenant)], NOW)
        await log.sign(NOW)
    leaves = [log_verifier.leaf_hash(entry) for entry in await log.entries(tenant)]
    head, proof = await reader.proof("consistency", tree_size=3, up_to=5)
    roots = log_verifier.root_of(leaves[:3]), log_verifier.root_of(leaves[:5])
    assert (head.size, head.root) == (5, roots[1])
    assert log_verifier.is_consistent(3, 5, *roots, proof)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        await reader.get("consistency", tree_size=3, up_to=9)


async def test_the_checkpoint_and_the_key_are_those_of_the_signer(
    audit: httpx.AsyncClient, reader: Reader, log: Log, tenant: UUID
) -> None:
    await log.append([numbered(1, tenant=tenant)], NOW)
    await log.sign(NOW)
    answer = await reader.get("log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert log_verifier.open_note(answer.text, SIGNER.verifier_key()).origin == f"tenantry/audit/{tenant}"
    key = (await audit.get("/v1/audit/key")).json()
    assert key == {"verifier_key": SIGNER.verifier_key()}


async def test_a_body_that_its_leaf_holds_the_hash_of_is_given_with_the_record(
    reader: Reader, log: Log, tenant: UUID
) -> None:
    event = numbered(1, tenant=tenant)
    await log.append([replace(event, data=b'{"text":"' + b"x" * 70_000 + b'"}')], NOW)
    [record] = (await reader.get("records", record_id=str(event.id))).json()["records"]
    told = json.loads(base64.b64decode(record["entry"]))["body"]
    assert sha256(base64.b64decode(record["body"])).hexdigest() == told["sha256"]
    [listed] = (await reader.get("records")).json()["records"]
    assert listed["body"] is None


async def test_a_record_is_found_by_its_event(reader: Reader, log: Log, tenant: UUID) -> None:
    events = [numbered(number, tenant=tenant) for number in range(1, 4)]
    await log.append(events, NOW)
    page = (await reader.get("records", record_id=str(events[1].id))).json()
    assert [record["leaf_index"] for record in page["records"]] == [1]
    assert page["next"] is None
    assert str(events[1].id).encode() in base64.b64decode(page["records"][0]["entry"])
    assert (await reader.get("records", record_id=str(uuid7()))).json() == {"records": [], "next": None}
