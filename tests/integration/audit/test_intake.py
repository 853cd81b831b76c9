"""The Retraced-compatible intake: an answer means that it is in the log; what is refused leaves nothing."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import orjson
import pytest

from chassis.ids import uuid7
from services.audit.records.retraced import LARGEST, hash_of
from tests.integration.audit.publishing import PROJECT, event, new_token, post
from tests.integration.audit.stage import Log
from tests.integration.audit.tokens import TestIssuer

TENANT = uuid7()
POSTED = "tenantry-audit-record/1"


@pytest.fixture
async def token(audit: httpx.AsyncClient, issuer: TestIssuer) -> str:
    made: str = (await new_token(audit, issuer, TENANT))["token"]
    return made


async def posted(log: Log) -> list[dict[str, Any]]:
    """Statements of posted records, in the order of the log."""
    found = [orjson.loads(entry) for entry in await log.entries(TENANT)]
    return [one for one in found if one["format"] == POSTED]


async def test_an_answer_means_that_the_record_is_in_the_log(
    audit: httpx.AsyncClient, token: str, log: Log
) -> None:
    answer = await post(audit, token, event(group={"id": str(TENANT)}))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    [one] = await posted(log)
    assert one["id"].replace("-", "") == told["id"]
    assert told["hash"] == hash_of(event(group={"id": str(TENANT)}), told["id"])


async def test_a_bulk_is_answered_in_order(audit: httpx.AsyncClient, token: str, log: Log) -> None:
    events = [event(external_id=str(number)) for number in range(300)]
    answer = await post(audit, token, {"events": events}, "event/bulk")
    assert answer.status_code == 201
    ids = [told["id"] for told in answer.json()]
    assert [one["id"].replace("-", "") for one in await posted(log)] == ids
    assert [one["event"]["external_id"] for one in await posted(log)] == [
        str(number) for number in range(300)
    ]


async def test_posts_at_once_become_dense_leaves(audit: httpx.AsyncClient, token: str, log: Log) -> None:
    answers = await asyncio.gather(*(post(audit, token, event(external_id=str(n))) for n in range(80)))
    assert {answer.status_code for answer in answers} == {201}
    assert {one["event"]["external_id"] for one in await posted(log)} == {str(n) for n in range(80)}
    rows = await log.records(TENANT)
    assert [row["leaf_index"] for row in rows] == list(range(len(rows)))


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": "red"}, "/colour", "extra_forbidden"),
    ({"actor": {"id": "a", "displayName": "x"}}, "/actor/displayName", "extra_forbidden"),
    ({"target": {"name": "x"}}, "/target/id", "missing"),
    ({"crud": "x"}, "/crud", "literal_error"),
    ({"action": ""}, "/action", "string_too_short"),
    ({"fields": {"n": 7}}, "/fields/n", "string_type"),
    ({"source_ip": "300.1.1.1"}, "/source_ip", "value_error"),
    ({"created": 1_700_000_000}, "/created", "value_error"),
    ({"created": "0001-01-01T00:00:00+14:00"}, "/created", "value_error"),
    ({"is_failure": "yes"}, "/is_failure", "bool_type"),
    ({"actor": None}, "/", "value_error"),
    ({"group": {"id": str(uuid.uuid4())}}, "/group/id", "group_refused"),
    ({"description": "x" * 8_193}, "/description", "string_too_long"),
    ({"fields": {str(n): "x" * 1_000 for n in range(30)}}, "/", "event_too_large"),
    ({"fields": {str(n): "x" for n in range(101)}}, "/fields", "too_long"),
]


async def test_what_is_refused_is_pointed_at_and_nothing_of_its_bulk_is_written(
    audit: httpx.AsyncClient, token: str, log: Log, subtests: pytest.Subtests
) -> None:
    for change, pointer, code in BROKEN:
        for path, body, before in (
            ("event", event(**change), ""),
            ("event/bulk", {"events": [event(), event(**change)]}, "/events/1"),
        ):
            with subtests.test(path, pointer=pointer, code=code):
                answer = await post(audit, token, body, path)
                assert answer.status_code == 422, answer.text
                assert answer.headers["content-type"] == "application/problem+json"
                [fault] = answer.json()["errors"]
                assert (fault["pointer"].rstrip("/"), fault["code"]) == ((before + pointer).rstrip("/"), code)
                assert await posted(log) == []


async def test_a_bulk_has_a_limit(audit: httpx.AsyncClient, token: str, log: Log) -> None:
    small = {"action": "a", "crud": "r", "is_anonymous": True}
    assert (await post(audit, token, {"events": [small] * 1_000}, "event/bulk")).status_code == 201
    for wrong in ([small] * 1_001, []):
        assert (await post(audit, token, {"events": wrong}, "event/bulk")).status_code == 422
    assert len(await posted(log)) == 1_000


async def test_the_largest_event_that_is_taken_fits_into_an_entry(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    names = [f"{number:02d}" for number in range(100)]
    made = await new_token(audit, issuer, TENANT, personal_fields=names)
    room = (LARGEST - len(json.dumps(event(fields={}, metadata={}))) - 2_400) // 200
    full = event(fields=dict.fromkeys(names, "é" * (room // 2)), metadata=dict.fromkeys(names, "x" * room))
    assert (await post(audit, made["token"], full)).status_code == 201
    entries = [entry for entry in await log.entries(TENANT) if orjson.loads(entry)["format"] == POSTED]
    assert len(entries[0]) <= 65_535


async def test_a_token_opens_one_project_until_it_is_revoked(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    made = await new_token(audit, issuer, TENANT)
    elsewhere = f"/publisher/v1/project/{PROJECT}-2/event"
    other = await audit.post(elsewhere, json=event(), headers={"Authorization": f"token={made['token']}"})
    assert (other.status_code, other.json()["code"]) == (404, "AUDIT.PROJECT_NOT_FOUND")
    for bad in ("", "tap_", made["token"][:-1], made["token"] + "x", "tk_live_x", "tap_" + "é"):
        answer = await audit.post(
            f"/publisher/v1/project/{PROJECT}/event",
            json=event(),
            headers={b"Authorization": f"token={bad}".encode()},
        )
        assert answer.status_code == 401, bad
    url = f"/v1/tenants/{TENANT}/audit/publisher-tokens/{made['token_id']}"
    keeper = {**issuer.member(TENANT), "Idempotency-Key": "revoke", "If-Match": '"1"'}
    assert (await audit.delete(url, headers=keeper)).status_code == 200
    assert (await post(audit, made["token"], event())).status_code == 401
    assert await posted(log) == []


async def test_the_token_is_shown_once_and_kept_as_a_digest(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    headers = {**issuer.member(TENANT), "Idempotency-Key": "same"}
    url, body = f"/v1/tenants/{TENANT}/audit/publisher-tokens", {"name": "n", "project_id": PROJECT}
    first = (await audit.post(url, json=body, headers=headers)).json()
    again = (await audit.post(url, json=body, headers=headers)).json()
    assert first["token"].startswith("tap_")
    assert again == {**first, "token": None}
    listed = (await audit.get(url, headers=issuer.member(TENANT))).json()
    assert "token" not in listed["publisher_tokens"][0]
    kept = await log.admin.fetch("select t::text as text from audit.publisher_token t")
    kept += await log.admin.fetch("select convert_from(body, 'utf8') as text from audit.idempotency")
    assert kept
    assert not any(first["token"] in row["text"] for row in kept)


async def test_a_repeated_post_with_its_key_is_stored_once(
    audit: httpx.AsyncClient, token: str, log: Log
) -> None:
    answers = [await post(audit, token, event(), Idempotency_Key="k") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(await posted(log)) == 1
    other = await post(audit, token, event(action="x"), Idempotency_Key="k")
    assert (other.status_code, other.json()["code"]) == (422, "CHASSIS.IDEMPOTENCY_KEY_REUSED")
    at_once = await asyncio.gather(*(post(audit, token, event(), Idempotency_Key="k2") for _ in range(5)))
    assert len({answer.text for answer in at_once if answer.status_code == 201}) == 1
    assert {answer.status_code for answer in at_once} <= {201, 409}
    assert len(await posted(log)) == 2


async def test_what_is_ours_stands_beside_the_posted_object(
    audit: httpx.AsyncClient, token: str, log: Log
) -> None:
    said = {
        "Tenantry_Actor_Type": "service",
        "Tenantry_On_Behalf_Of": "u-99",
        "Tenantry_Impersonation_Id": "i-1",
        "Tenantry_Session_Id": "s-1",
        "Tenantry_User_Agent": "Desk/4.1",
        "Tenantry_Class": "critical",
        "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01",
    }
    given = event(is_failure=True)
    assert (await post(audit, token, given, **said)).status_code == 201
    [one] = await posted(log)
    assert set(one["event"]) == set(given)
    assert one["trace_id"] == "a1" * 16
    assert one["nonce"]
    row = next(row for row in await log.rows(TENANT) if row["action"] == "booking.updated")
    wanted = {
        "class": "critical",
        "crud": "u",
        "product": "notetaker",
        "project_id": PROJECT,
        "actor_id": "u-17",
        "actor_type": "service",
        "on_behalf_of": "u-99",
        "impersonation_id": "i-1",
        "session_id": "s-1",
        "target_id": "b-9",
        "target_type": "booking",
        "is_failure": True,
        "trace_id": "a1" * 16,
        "words": "booking updated booking Room changed to 214 deja payee",
    }
    assert {name: row[name] for name in wanted} == wanted
    assert str(row["network"]) == "203.0.113.0/24"
    refused = await post(audit, token, event(), Tenantry_Class="urgent")
    assert (refused.status_code, refused.json()["errors"][0]["header"]) == (422, "tenantry-class")
