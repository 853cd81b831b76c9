"""Search over HTTP: who may, what is recorded of it, what is refused."""

from typing import Any

import httpx
import orjson
import pytest

from chassis.ids import uuid7
from tests.integration.audit.publishing import event, new_token, post
from tests.integration.audit.stage import Log
from tests.integration.audit.tokens import TestIssuer

TENANT, OTHER = uuid7(), uuid7()
REASON = "Ticket 4711, lost room change"


@pytest.fixture
async def filled(audit: httpx.AsyncClient, issuer: TestIssuer) -> httpx.AsyncClient:
    made = await new_token(audit, issuer, TENANT)
    for number in range(5):
        assert (await post(audit, made["token"], event(external_id=str(number)))).status_code == 201
    return audit


async def ask(
    audit: httpx.AsyncClient, headers: dict[str, str], tenant: Any = TENANT, **asked: Any
) -> httpx.Response:
    return await audit.post(f"/v1/tenants/{tenant}/audit/search", json=asked, headers=headers)


async def views(log: Log) -> list[dict[str, Any]]:
    found = [orjson.loads(row["entry"]) for row in await log.rows(TENANT) if row["action"] == "audit.viewed"]
    return [{"actor": one["actor"], **one["data"]} for one in found]


async def test_a_look_is_recorded_with_who_why_and_how_much(
    filled: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    asked = {"action": "booking.*", "email": "ann@hotel.example"}
    assert (await ask(filled, issuer.member(TENANT), **asked)).status_code == 200
    assert (await ask(filled, issuer.member(TENANT), **asked)).status_code == 200
    assert (await ask(filled, issuer.operator(), **asked, reason=REASON)).status_code == 200
    assert (await ask(filled, issuer.member(TENANT), action="nothing")).status_code == 200
    first, second, third = await views(log)
    assert first["actor"] == {"id": "someone", "type": "user"}
    assert (first["rows"], first["reason"]) == (5, None)
    assert third["actor"]["type"] == "operator"
    assert third["reason"] == REASON
    assert first["filter_hash"] == second["filter_hash"] == third["filter_hash"]
    row = next(row for row in await log.rows(TENANT) if row["action"] == "audit.viewed")
    assert (row["class"], row["crud"]) == ("read", "r")


async def test_ones_own_records_are_read_without_a_trace(
    filled: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    await ask(filled, issuer.member(TENANT), action="booking.*")
    before = len(await log.rows(TENANT))
    found = (await ask(filled, issuer.member(TENANT), action="audit.viewed")).json()["records"]
    assert [one["actor_id"] for one in found] == ["someone"]
    assert len(await log.rows(TENANT)) == before


async def test_our_own_staff_says_why(filled: httpx.AsyncClient, issuer: TestIssuer, log: Log) -> None:
    for why in ({}, {"reason": "because"}, {"reason": "        "}):
        refused = await ask(filled, issuer.operator(is_told=False), **why)
        assert (refused.status_code, refused.json()["code"]) == (403, "AUDIT.REASON_REQUIRED")
    headers = {**issuer.operator("SUPPORT_ENGINEER"), "Tenantry-Reason": REASON}
    assert (await ask(filled, headers)).status_code == 200
    [view] = await views(log)
    assert view["reason"] == REASON


async def test_who_may_not_search_does_not(filled: httpx.AsyncClient, issuer: TestIssuer) -> None:
    for role in ("USER", "FINANCE"):
        assert (await ask(filled, issuer.member(TENANT, role))).status_code == 403
    assert (await ask(filled, issuer.member(OTHER))).status_code == 404
    assert (await ask(filled, {})).status_code == 401


async def test_pages_follow_each_other_and_are_bound_to_their_filter(
    filled: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    legal = issuer.member(TENANT)
    asked: dict[str, Any] = {"action": "booking.*", "page_size": 2}
    seen, token, totals = [], None, []
    while True:
        page = (await ask(filled, legal, **asked, page_token=token)).json()
        seen += [one["external_id"] for one in page["records"]]
        totals.append(page["total"])
        token = page["next_page_token"]
        if token is None:
            break
        other = await ask(filled, legal, action="book*", page_token=token)
        assert other.json()["code"] == "CHASSIS.PAGE_TOKEN_INVALID"
    assert seen == ["4", "3", "2", "1", "0"]
    assert totals == [{"count": 5, "is_capped": False}, None, None]


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "/colour"),
    ({"network": "300.0.0.0/8"}, "/network"),
    ({"network": 7}, "/network"),
    ({"crud": "x"}, "/crud"),
    ({"received_from": 5}, "/received_from"),
    ({"page_size": 201}, "/page_size"),
    ({"page_size": True}, "/page_size"),
    ({"is_failure": "no"}, "/is_failure"),
    ({"fields": {str(number): "x" for number in range(6)}}, "/fields"),
]


async def test_broken_filters_are_pointed_at(
    filled: httpx.AsyncClient, issuer: TestIssuer, subtests: pytest.Subtests
) -> None:
    for asked, pointer in BROKEN:
        with subtests.test(pointer, asked=asked):
            refused = await ask(filled, issuer.member(TENANT), **asked)
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["pointer"] == pointer


async def test_our_own_staff_says_why_also_where_the_log_is_read_in_its_order(
    filled: httpx.AsyncClient, issuer: TestIssuer, log: Log
) -> None:
    url = f"/v1/tenants/{TENANT}/audit/records"
    refused = await filled.get(url, headers=issuer.operator(is_told=False))
    assert (refused.status_code, refused.json()["code"]) == (403, "AUDIT.REASON_REQUIRED")
    for first in range(4):
        answer = await filled.get(url, params={"first": first, "page_size": 1}, headers=issuer.operator())
        assert answer.status_code == 200
    [view] = await views(log)
    assert view["reason"] == "A test looks at it"
    assert (await filled.get(url, headers=issuer.member(TENANT, "AUDITOR"))).status_code == 200
    assert len(await views(log)) == 1
