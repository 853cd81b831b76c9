"""Version floors over HTTP: what is in force, whom it could meet, what is told, and how each mistake is answered."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.registry import VersionFloorChangedV1
from tests.integration.registry.life import Life
from tests.integration.registry.operators import Operators, check_problem, operators, said

STABLE = "/v1/version-floors/windows/stable"
FLOOR = {"advise": "4.2.0", "enforce": "4.0.0", "latest": "4.2.0", "message": "please update"}
REASONED = {**FLOOR, "reason": "CVE in 3.x"}
INVALID = "CHASSIS.INVALID"
DEVICE = """
insert into registry.device (tenant_id, device_id, jkt, jwk, member_id, name, os, property, cohort, enrolled_at, revoked_at)
values ($1, $2, $3, '{}', 'm', 'desk', $4, 'harbour', 'front_desk', now(), $5)
"""


@pytest.fixture
async def call(life: Life) -> AsyncIterator[Operators]:
    async with operators(life.database) as found:
        yield found


async def enrol(life: Life, tenant: UUID, os: str, *, revoked: bool = False) -> None:
    device = uuid4()
    await life.admin.execute(DEVICE, tenant, device, str(device), os, life.clock.now() if revoked else None)


async def test_a_floor_is_set_told_of_replaced_whole_and_cleared(call: Operators, life: Life) -> None:
    admin = call("admin")
    assert (await admin.get(STABLE)).json()["is_set"] is False
    first = await admin.change("PUT", STABLE, REASONED)
    assert {name: first[name] for name in FLOOR} == FLOOR
    assert (first["is_set"], first["reason"], first["changed_by"]) == (True, "CVE in 3.x", "admin")
    second = await admin.change("PUT", STABLE, {"block": ["4.1.3"], "reason": "broken build"})
    assert (second["enforce"], second["block"], second["latest"]) == (None, ["4.1.3"], None)
    third = await admin.change("DELETE", STABLE, reason="fixed")
    assert third["is_set"] is False
    assert (await admin.get("/v1/version-floors")).json() == {"floors": []}
    events = await said(life.database, VersionFloorChangedV1.type)
    assert [(body["enforce"], body["block"]) for _, body in events] == [
        ("4.0.0", []),
        (None, ["4.1.3"]),
        (None, []),
    ]
    versions = [int(headers["ce-aggregateversion"]) for headers, _ in events]
    assert versions == [told["row_version"] for told in (first, second, third)] == sorted(set(versions))
    assert events[0][0]["ce-subject"] == "version_floor/windows/stable"
    changes = (await admin.get(f"{STABLE}/history", page_size=2)).json()
    assert [row["reason"] for row in changes["changes"]] == ["fixed", "broken build"]
    rest = (await admin.get(f"{STABLE}/history", page_size=2, page_token=changes["next_page_token"])).json()
    assert [row["value"]["enforce"] for row in rest["changes"]] == ["4.0.0"]


async def test_a_tenants_own_floor_stands_for_the_platforms(call: Operators, life: Life) -> None:
    admin, mine, other = call("admin"), await life.new_trial(), await life.new_trial()
    await admin.change("PUT", STABLE, REASONED)
    own = {"enforce": "3.0.0", "latest": "4.2.0", "reason": "slow hotel"}
    await admin.change("PUT", STABLE, own, tenant_id=mine)
    for tenant, enforce in ((mine, "3.0.0"), (other, "4.0.0")):
        [floor] = (await admin.get("/v1/version-floors", tenant_id=tenant)).json()["floors"]
        assert floor["enforce"] == enforce
    await admin.change("DELETE", STABLE, tenant_id=mine, reason="caught up")
    [floor] = (await admin.get("/v1/version-floors", tenant_id=mine)).json()["floors"]
    assert (floor["enforce"], floor["tenant_id"]) == ("4.0.0", None)


async def test_the_preview_counts_whom_the_floor_could_meet_and_changes_nothing(
    call: Operators, life: Life
) -> None:
    support, admin = call("support"), call("admin")
    mine, other, apart = [await life.new_trial() for _ in range(3)]
    for tenant, os in (
        (mine, "Windows 11"),
        (mine, "windows 10"),
        (mine, "Ubuntu 24.04"),
        (other, "Windows 11"),
    ):
        await enrol(life, tenant, os)
    await enrol(life, mine, "Windows 11", revoked=True)
    await enrol(life, apart, "Windows 11")
    own = {"enforce": "3.0.0", "latest": "4.2.0", "reason": "slow hotel"}
    await admin.change("PUT", STABLE, own, tenant_id=apart)
    told = (await support.send("POST", f"{STABLE}/preview", FLOOR, match="none", key=None)).json()
    assert (told["devices_at_most"], told["tenants_at_most"]) == (3, 2)
    assert "not their versions" in told["why_at_most"]
    assert (told["now"]["is_set"], told["becomes"]["enforce"]) == (False, "4.0.0")
    one = await support.send("POST", f"{STABLE}/preview", FLOOR, match="none", key=None, tenant_id=mine)
    assert one.json()["devices_at_most"] == 2
    assert (await admin.get(STABLE)).json()["row_version"] == 0
    broken = await support.send("POST", f"{STABLE}/preview", {"enforce": "x"}, match="none", key=None)
    check_problem(broken, 422, "REGISTRY.FLOOR_INVALID", pointer="/enforce", fault="not_a_version")


@pytest.mark.parametrize(
    ("change", "pointer", "fault"),
    [
        ({"enforce": "4.2.1", "advise": None}, "/enforce", "above_latest"),
        ({"advise": "5.0.0"}, "/advise", "above_latest"),
        ({"advise": "3.0.0"}, "/advise", "below_enforce"),
        ({"latest": None}, "/latest", "missing"),
        ({"enforce": "four"}, "/enforce", "not_a_version"),
        ({"block": ["4.2.0"]}, "/block", "blocks_latest"),
        ({"advise": None, "enforce": None}, "/", "empty"),
    ],
)
async def test_an_impossible_floor_is_refused_with_place_and_cure(
    call: Operators, life: Life, change: dict[str, Any], pointer: str, fault: str
) -> None:
    answer = await call("admin").send("PUT", STABLE, {**REASONED, **change})
    check_problem(answer, 422, "REGISTRY.FLOOR_INVALID", pointer=pointer, fault=fault)
    assert await said(life.database, VersionFloorChangedV1.type) == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"enforce": 4}, "/enforce"),
        ({"block": "4.1.3"}, "/block"),
        ({"block": [""]}, "/block/0"),
        ({"effective_at": "2026-03-01T00:00:00"}, "/effective_at"),
        ({"url": "http://plain"}, "/url"),
        ({"unknown": "maybe"}, "/unknown"),
        ({"pending": True}, "/pending"),
    ],
)
async def test_a_broken_body_is_told_where_it_is_broken(
    call: Operators, change: dict[str, Any], pointer: str
) -> None:
    answer = await call("admin").send("PUT", STABLE, {**REASONED, **change})
    check_problem(answer, 422, INVALID, pointer=pointer)


async def test_places_scopes_and_headers_that_are_wrong_are_named(call: Operators, life: Life) -> None:
    admin, support = call("admin"), call("support")
    check_problem(await admin.get("/v1/version-floors/amiga/stable"), 422, INVALID, parameter="platform")
    check_problem(await admin.get("/v1/version-floors/linux/No.1"), 422, INVALID, parameter="channel")
    check_problem(await admin.get(STABLE, tenant_id=uuid4()), 404, "REGISTRY.TENANT_NOT_FOUND")
    check_problem(await admin.get(f"{STABLE}/history", tenant_id=uuid4()), 404, "REGISTRY.TENANT_NOT_FOUND")
    check_problem(
        await admin.send("PUT", STABLE, REASONED, tenant_id=uuid4()), 404, "REGISTRY.TENANT_NOT_FOUND"
    )
    check_problem(await admin.send("DELETE", STABLE, reason="x"), 409, "REGISTRY.FLOOR_NOT_SET")
    check_problem(await admin.send("DELETE", STABLE), 422, INVALID, parameter="reason")
    check_problem(await support.send("PUT", STABLE, REASONED), 403, "CHASSIS.FORBIDDEN")
    check_problem(await call("sales").get(STABLE), 403, "CHASSIS.FORBIDDEN")
    check_problem(
        await admin.send("PUT", STABLE, REASONED, key=None), 400, "CHASSIS.IDEMPOTENCY_KEY_REQUIRED"
    )
    check_problem(
        await admin.send("PUT", STABLE, REASONED, match="none"), 428, "CHASSIS.PRECONDITION_REQUIRED"
    )
    await admin.change("PUT", STABLE, REASONED)
    check_problem(await admin.send("PUT", STABLE, REASONED, match='"0"'), 412, "CHASSIS.STALE")


async def test_the_rows_of_a_deleted_tenant_go_with_it(call: Operators, life: Life) -> None:
    admin, tenant = call("admin"), await life.new_trial()
    await admin.change("PUT", STABLE, REASONED, tenant_id=tenant)
    flag = "/v1/flags/ai_assist_enabled"
    await admin.change("PUT", flag, {"value": True, "reason": "asked"}, tenant_id=tenant)
    await life.admin.execute(
        "update registry.tenant set status = 'archived', archived_at = now() where tenant_id = $1", tenant
    )
    await life.admin.execute("select registry.erase_tenants(array[$1::uuid])", tenant)
    for table in ("flag", "flag_change", "version_floor", "version_floor_change"):
        assert await life.admin.fetchval(f"select count(*) from registry.{table}") == 0, table  # noqa: S608  # our names
