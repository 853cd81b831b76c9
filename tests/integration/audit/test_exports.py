"""Exports over HTTP: asked for, written by a process of its own, fetched by a signed link."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx

from chassis.ids import uuid7
from tests.integration.audit.asking import Asker, manifest_of, path_of
from tests.integration.audit.stage import Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


async def test_an_export_has_every_record_of_the_range_and_the_hash_of_every_file(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    for day in range(3):
        await log.append([numbered(10 * day + n, tenant=tenant) for n in range(1, 6)], NOW + day * DAY)
    files = await Asker(audit, issuer, tenant).files(
        received_from=(NOW + DAY).isoformat(), received_to=(NOW + 2 * DAY).isoformat()
    )
    manifest = manifest_of(files)
    assert manifest["range_complete"] is True
    assert (manifest["first_leaf"], manifest["end_leaf"], manifest["records"]) == (5, 10, 5)
    assert files["audit.jsonl"].splitlines() == (await log.entries(tenant))[5:10]
    assert set(files) - {"manifest.json", "manifest.note"} == set(manifest["files"])
    for name, told in manifest["files"].items():
        assert told == {"bytes": len(files[name]), "sha256": sha256(files[name]).hexdigest()}
    lines = list(csv.reader(io.StringIO(files["platform-audit.csv"].decode(), newline="")))
    assert [line[0] for line in lines] == ["leaf_index", "5", "6", "7", "8", "9"]
    assert [json.loads(files[f"proofs/boundary-{side}.json"])["leaf"] for side in ("left", "right")] == [
        4,
        10,
    ]
    assert files["compliance-audit.pdf"].startswith(b"%PDF-")


async def test_a_link_needs_no_token_and_each_fetch_is_a_record(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    asker = Asker(audit, issuer, tenant)
    found = await asker.exported()
    whole = await asker.fetch(found)
    assert sha256(whole.content).hexdigest() == found["sha256"]
    assert "attachment" in whole.headers["content-disposition"]
    rest = await asker.fetch(found, Range="bytes=100-")
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    forged = path_of(found["link"])[:-2] + "AA"
    answer = await audit.get(forged)
    assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.LINK_INVALID")
    actions = [row["action"] for row in await log.records(tenant)]
    assert actions.count("audit.export.requested") == 1
    assert actions.count("audit.export.downloaded") == 2
    assert (await asker.show(found["export_id"]))["downloads"] == 2
