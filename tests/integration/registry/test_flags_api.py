"""Flags over HTTP: who may, what is in force, what is told, and how each mistake is answered."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from contracts.flags import FLAGS
from contracts.registry import FlagChangedV1
from tests.integration.registry.life import Life
from tests.integration.registry.operators import Operators, check_problem, operators, said

SWITCH = "/v1/flags/bff_backoffice_enabled"
OFF = {"value": False, "reason": "incident 42"}
INVALID = "CHASSIS.INVALID"


@pytest.fixture
async def call(life: Life) -> AsyncIterator[Operators]:
    async with operators(life.database) as found:
        yield found


async def test_a_flag_is_set_told_of_in_the_same_transaction_and_cleared(call: Operators, life: Life) -> None:
    admin = call("admin")
    fresh = (await admin.get(SWITCH)).json()
    assert (fresh["value"], fresh["effective"], fresh["source"], fresh["row_version"]) == (
        None,
        True,
        "default",
        0,
    )
    off = await admin.change("PUT", SWITCH, OFF)
    assert (off["value"], off["effective"], off["source"]) == (False, False, "platform")
    assert (off["reason"], off["changed_by"]) == ("incident 42", "admin")
    on = await admin.change("DELETE", SWITCH, reason="over")
    assert (on["value"], on["effective"], on["source"]) == (None, True, "default")
    events = await said(life.database, FlagChangedV1.type)
    assert [body for _, body in events] == [
        {"tenant_id": None, "name": "bff_backoffice_enabled", "value": value} for value in (False, None)
    ]
    assert [int(headers["ce-aggregateversion"]) for headers, _ in events] == [
        off["row_version"],
        on["row_version"],
    ]
    assert on["row_version"] > off["row_version"] > 0
    assert events[0][0]["ce-subject"] == "flag/bff_backoffice_enabled"
    assert (events[0][0]["ce-actorid"], events[0][0]["ce-actortype"]) == ("admin", "operator")


async def test_a_tenants_value_goes_before_the_platforms_and_another_tenant_does_not_see_it(
    call: Operators, life: Life
) -> None:
    admin, mine, other = call("admin"), await life.new_trial(), await life.new_trial()
    await admin.change("PUT", SWITCH, OFF)
    told = await admin.change("PUT", SWITCH, {"value": True, "reason": "they pay"}, tenant_id=mine)
    assert (told["effective"], told["source"], told["tenant_id"]) == (True, "tenant", str(mine))
    beside = (await admin.get(SWITCH, tenant_id=other)).json()
    assert (beside["value"], beside["effective"], beside["source"]) == (None, False, "platform")
    listed = {row["name"]: row for row in (await admin.get("/v1/flags", tenant_id=mine)).json()["flags"]}
    assert set(listed) == set(FLAGS)
    assert listed["bff_backoffice_enabled"]["effective"] is True
    [override] = (await admin.get(f"{SWITCH}/overrides")).json()["overrides"]
    assert (override["tenant_id"], override["value"], override["reason"]) == (str(mine), True, "they pay")
    headers, _ = (await said(life.database, FlagChangedV1.type))[1]
    assert headers["ce-tenantid"] == str(mine)


async def test_the_history_says_who_changed_it_to_what_and_why_newest_first_in_pages(call: Operators) -> None:
    admin, path = call("admin"), "/v1/flags/mfa_scope_threshold"
    for value in (0, 1, 3):
        await admin.change("PUT", path, {"value": value, "reason": f"because of {value}"})
    await admin.change("DELETE", path, reason="no more")
    first = (await admin.get(f"{path}/history", page_size=3)).json()
    assert [row["value"] for row in first["changes"]] == [None, 3, 1]
    assert first["changes"][1]["reason"] == "because of 3"
    assert {row["changed_by"] for row in first["changes"]} == {"admin"}
    rest = await admin.get(f"{path}/history", page_size=3, page_token=first["next_page_token"])
    assert [row["value"] for row in rest.json()["changes"]] == [0]
    assert rest.json()["next_page_token"] is None
    check_problem(
        await admin.get("/v1/flags/theme_bundle/history", page_token=first["next_page_token"]),
        400,
        "CHASSIS.PAGE_TOKEN_INVALID",
    )


async def test_support_reads_and_changes_nothing_and_others_see_nothing(call: Operators) -> None:
    support, sales, nobody = call("support"), call("sales"), call("")
    for path in ("/v1/flags", SWITCH, f"{SWITCH}/history", f"{SWITCH}/overrides"):
        assert (await support.get(path)).status_code == 200
        check_problem(await sales.get(path), 403, "CHASSIS.FORBIDDEN")
        check_problem(await nobody.get(path), 401, "CHASSIS.UNAUTHORIZED")
    check_problem(await support.send("PUT", SWITCH, OFF), 403, "CHASSIS.FORBIDDEN")
    check_problem(await support.send("DELETE", SWITCH, reason="x"), 403, "CHASSIS.FORBIDDEN")


async def test_a_name_that_is_not_declared_is_refused_with_those_that_are(call: Operators) -> None:
    admin = call("admin")
    for answer in (
        await admin.get("/v1/flags/backoffice"),
        await admin.get("/v1/flags/backoffice/history"),
        await admin.get("/v1/flags/backoffice/overrides"),
        await admin.send("PUT", "/v1/flags/backoffice", OFF),
        await admin.send("DELETE", "/v1/flags/backoffice", reason="x"),
    ):
        told = check_problem(answer, 404, "REGISTRY.FLAG_UNKNOWN", parameter="name", fault="undeclared")
        assert "bff_backoffice_enabled" in told["errors"][0]["detail"]
        assert "contracts/flags.py" in told["fix"]


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("bff_backoffice_enabled", "false", "not_bool"),
        ("bff_backoffice_enabled", 0, "not_bool"),
        ("bff_backoffice_enabled", None, "not_bool"),
        ("mfa_scope_threshold", 2**70, "not_int"),
        ("mfa_scope_threshold", 1.5, "not_int"),
        ("theme_bundle", {"a": 1}, "not_string"),
        ("theme_bundle", "NO SUCH", "not_string"),
    ],
)
async def test_a_value_of_the_wrong_kind_is_refused_with_the_right_one(
    call: Operators, life: Life, name: str, value: Any, fault: str
) -> None:
    answer = await call("admin").send("PUT", f"/v1/flags/{name}", {"value": value, "reason": "x"})
    check_problem(answer, 422, "REGISTRY.FLAG_VALUE_WRONG", pointer="/value", fault=fault)
    assert await said(life.database, FlagChangedV1.type) == []


async def test_the_wrong_scope_an_unknown_tenant_and_nothing_to_clear_are_told_apart(
    call: Operators, life: Life
) -> None:
    admin, tenant = call("admin"), await life.new_trial()
    paused = "/v1/flags/force_logout_paused"
    answer = await admin.send("PUT", paused, {"value": True, "reason": "x"}, tenant_id=tenant)
    told = check_problem(
        answer, 422, "REGISTRY.FLAG_SCOPE_WRONG", parameter="tenant_id", fault="platform_only"
    )
    assert "leave" in told["fix"]
    check_problem(await admin.send("PUT", SWITCH, OFF, tenant_id=uuid4()), 404, "REGISTRY.TENANT_NOT_FOUND")
    check_problem(await admin.get("/v1/flags", tenant_id=uuid4()), 404, "REGISTRY.TENANT_NOT_FOUND")
    answer = await admin.send("DELETE", SWITCH, match='"0"', reason="x", tenant_id=tenant)
    check_problem(answer, 409, "REGISTRY.FLAG_NOT_SET")
    assert (await admin.get(SWITCH, tenant_id=tenant)).headers["ETag"] == '"0"', "a refusal leaves no row"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"value": True}, "/reason"),
        ({"reason": "x"}, "/value"),
        ({**OFF, "reason": ""}, "/reason"),
        ({**OFF, "reason": "x" * 501}, "/reason"),
        ({**OFF, "until": "tomorrow"}, "/until"),
    ],
)
async def test_a_broken_body_is_told_where_it_is_broken(call: Operators, body: Any, pointer: str) -> None:
    check_problem(await call("admin").send("PUT", SWITCH, body), 422, INVALID, pointer=pointer)


async def test_broken_parameters_and_headers_are_named(call: Operators) -> None:
    admin = call("admin")
    check_problem(await admin.get(SWITCH, tenant_id="x"), 422, INVALID, parameter="tenant_id")
    check_problem(await admin.get(SWITCH, tennant_id="x"), 422, INVALID, parameter="tennant_id")
    check_problem(await admin.get(f"{SWITCH}/history", page_size=0), 422, INVALID, parameter="page_size")
    check_problem(await admin.send("DELETE", SWITCH), 422, INVALID, parameter="reason")
    keyless = await admin.send("PUT", SWITCH, OFF, key=None)
    check_problem(keyless, 400, "CHASSIS.IDEMPOTENCY_KEY_REQUIRED")
    for match in ("none", "*"):
        check_problem(await admin.send("PUT", SWITCH, OFF, match=match), 428, "CHASSIS.PRECONDITION_REQUIRED")


async def test_a_change_made_for_an_older_version_is_refused_and_a_repeated_one_is_answered_once(
    call: Operators, life: Life
) -> None:
    admin = call("admin")
    first = await admin.send("PUT", SWITCH, OFF, match='"0"', key="once")
    again = await admin.send("PUT", SWITCH, OFF, match='"0"', key="once")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    other = await admin.send("PUT", SWITCH, {**OFF, "value": True}, match='"0"', key="once")
    check_problem(other, 422, "CHASSIS.IDEMPOTENCY_KEY_REUSED")
    stale = await admin.send("PUT", SWITCH, OFF, match='"0"')
    assert check_problem(stale, 412, "CHASSIS.STALE")["row_version"] == first.json()["row_version"]
    assert len(await said(life.database, FlagChangedV1.type)) == 1
