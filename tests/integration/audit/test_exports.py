"""Exports over HTTP: asked for, written by a process of its own, fetched by a signed link."""

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg
import httpx
import pytest

from chassis.ids import uuid7
from contracts.capabilities import DEMO_TENANT_ID
from tests.infra import eventually
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


async def test_a_filtered_export_says_what_it_cannot_prove(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    await log.append([numbered(n, tenant=tenant) for n in range(1, 6)], NOW)
    asker = Asker(audit, issuer, tenant)
    await asker.exported()
    files = await asker.files(filter={"action": "registry.tenant.*", "product": "platform"})
    manifest = manifest_of(files)
    assert manifest["range_complete"] is False
    assert manifest["filter"] == {"action": "registry.tenant.*", "product": "platform"}
    assert "cannot be proved" in manifest["cannot_prove"]
    assert (manifest["records"], manifest["looked_at"]) >= (5, 6)
    proofs = [json.loads(line)["leaf"] for line in files["proofs/records.jsonl"].splitlines()]
    assert proofs == list(range(5))
    assert "proofs/range.json" not in files
    assert (await audit.get(f"{asker.place}", headers=asker.headers)).json()["exports"][0][
        "is_range_complete"
    ] is False


async def test_a_range_without_a_record_is_complete_and_empty(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    files = await Asker(audit, issuer, tenant, language="fr").files(
        received_from=(NOW + DAY).isoformat(), received_to=(NOW + 2 * DAY).isoformat()
    )
    manifest = manifest_of(files)
    assert (manifest["records"], manifest["range_complete"], manifest["language"]) == (0, True, "fr")
    assert files["audit.jsonl"] == b""
    assert len(files["platform-audit.csv"].splitlines()) == 1


async def test_the_demo_tenant_is_not_exported_and_says_why(
    audit: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    asker = Asker(audit, issuer, DEMO_TENANT_ID)
    for headers in (asker.headers, issuer.operator(), issuer.operator("SALES_REP")):
        asker.headers = headers
        answer = await asker.post()
        assert (answer.status_code, answer.json()["code"]) == (403, "AUDIT.DEMO_NOT_EXPORTED")
        assert "demo tenant" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("role", "asks", "sees"),
    [
        ("LEGAL", 202, 200),
        ("IT_ADMIN", 202, 200),
        ("CXO", 202, 200),
        ("AUDITOR", 202, 200),
        ("FINANCE", 403, 403),
        ("USER", 403, 403),
    ],
)
async def test_who_may_ask_and_who_may_see(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log, role: str, asks: int, sees: int
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    asker = Asker(audit, issuer, tenant, role)
    assert (await asker.post()).status_code == asks
    assert (await audit.get(asker.place, headers=asker.headers)).status_code == sees


async def test_what_cannot_be_exported_is_refused(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    nothing = Asker(audit, issuer, uuid7())
    answer = await nothing.post()
    assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.EMPTY_LOG")
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    asker = Asker(audit, issuer, tenant)
    for start, end in (("2030-01-01T00:00:00Z", None), ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")):
        answer = await asker.post(received_from=start, received_to=end)
        assert (answer.status_code, answer.json()["code"]) == (422, "AUDIT.RANGE_EMPTY")
    assert (await asker.post(filter={"produkt": "x"})).status_code == 422
    answer = await audit.get(f"{asker.place}/{uuid7()}", headers=asker.headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "AUDIT.EXPORT_NOT_FOUND")


async def test_one_intent_is_one_export_and_a_tenant_has_few_at_a_time(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log, admin: asyncpg.Connection
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    asker, key = Asker(audit, issuer, tenant), uuid.uuid4().hex
    first, again = await asker.post(key), await asker.post(key)
    assert first.json()["export_id"] == again.json()["export_id"]
    await asker.finished(first.json()["export_id"])
    await admin.execute(  # three that are not begun, since they are due in a day
        "insert into audit.audit_export (tenant_id, export_id, state, asked_by, asked_by_type, asked_at, language,"
        " shows_personal, received_to, request_leaf, due_at)"
        " select tenant_id, gen_random_uuid(), 'queued', asked_by, asked_by_type, asked_at, language, shows_personal,"
        " received_to, request_leaf, now() + interval '1 day' from audit.audit_export, generate_series(1, 3)"
    )
    refused = await asker.post()
    assert (refused.status_code, refused.json()["code"]) == (429, "AUDIT.TOO_MANY_EXPORTS")
    assert refused.headers["retry-after"] == "10"


async def test_it_is_said_once_that_an_export_is_ready(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    found = await Asker(audit, issuer, tenant).exported()
    [(_, said)] = await log.said("audit.export.ready.v1")
    assert said["export_id"] == found["export_id"]
    assert (said["asked_by"], said["bytes"], said["is_range_complete"]) == ("someone", found["bytes"], True)
    ready, expires = (datetime.fromisoformat(found[name]) for name in ("ready_at", "expires_at"))
    assert expires - ready == timedelta(days=7)

    async def is_recorded() -> bool:
        return "audit.export.ready.v1" in {row["action"] for row in await log.records(tenant)}

    await eventually(is_recorded, what="the leaf of the event")


async def test_exports_are_listed_by_pages(audit: httpx.AsyncClient, issuer: TestIssuer, log: Log) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    asker = Asker(audit, issuer, tenant)
    ids = [(await asker.exported())["export_id"] for _ in range(3)]
    first = (await audit.get(asker.place, params={"page_size": 2}, headers=asker.headers)).json()
    rest = (
        await audit.get(
            asker.place,
            params={"page_size": 2, "page_token": first["next_page_token"]},
            headers=asker.headers,
        )
    ).json()
    assert [one["export_id"] for one in first["exports"] + rest["exports"]] == ids[::-1]
    assert rest["next_page_token"] is None


async def test_our_own_staff_says_why_and_sees_no_link_but_its_own(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    tenant = uuid7()
    await log.append([numbered(1, tenant=tenant)], NOW)
    found = await Asker(audit, issuer, tenant).exported()
    staff = Asker(audit, issuer, tenant)
    staff.headers = issuer.operator() | {"Accept-Language": "en"}
    assert (await staff.post()).json()["code"] == "AUDIT.REASON_REQUIRED"
    # Another's, as its name tells: the issuer of the tests names everybody `someone`.
    await log.admin.execute("update audit.audit_export set asked_by = 'a member'")
    assert (await staff.show(found["export_id"]))["link"] is None
    own = await staff.exported(reason="the tenant asked us to")
    assert own["link"]
    said = [json.loads(entry) for entry in await log.entries(tenant)]
    assert [one["data"]["reason"] for one in said if one["type"] == "audit.export.requested"] == [
        None,
        "the tenant asked us to",
    ]
