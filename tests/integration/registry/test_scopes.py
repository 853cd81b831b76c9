"""Properties and scopes: who works where as what; many at once, whole or not at all; seen by one of ours."""

import asyncio
from typing import Any

import pytest

from services.registry.identity import MemberState
from services.registry.scopes.api import MOST_ROWS
from services.registry.scopes.model import MOST_PROPERTIES
from tests.integration.registry.operators import check_problem
from tests.integration.registry.people_stage import Office

IMPORT = "/member-scopes/import"
CHANGED = "member.scope_changed"


@pytest.fixture
async def member(office: Office) -> str:
    await office.new_properties("airport", "harbour")
    return await office.new_member("ann", backoffice_roles=["front_desk"], properties=["harbour"])


def row(member: str, code: str, *roles: str, **more: Any) -> dict[str, Any]:
    return {"member": member, "property": code, "backoffice_roles": list(roles), **more}


async def test_a_property_is_named_by_its_code_and_keeps_it(office: Office) -> None:
    await office.new_properties("harbour")
    at = "/properties/harbour"
    shown = (await office.get(at)).json()
    assert (shown["name"], shown["time_zone"]) == ("Harbour", "Europe/Berlin")
    changed = await office.done("PATCH", at, {"time_zone": "Europe/Paris"}, of=at)
    assert (changed["name"], changed["time_zone"], changed["row_version"]) == ("Harbour", "Europe/Paris", 2)
    for wrong in ({"code": "other"}, {"time_zone": "Europe/Atlantis"}, {"name": ""}):
        assert (await office.send("PATCH", at, wrong, of=at)).status_code == 422, wrong
    again = await office.send("POST", "/properties", {"code": "harbour", "name": "x"})
    check_problem(again, 409, "REGISTRY.PROPERTY_TAKEN")
    assert (await office.send("DELETE", at, of=at)).status_code == 204
    check_problem(await office.get(at), 404, "REGISTRY.PROPERTY_NOT_FOUND")


async def test_a_property_in_use_stays(office: Office, member: str) -> None:
    await office.life.admin.execute(
        "insert into registry.device (tenant_id, device_id, jkt, jwk, member_id, name, os, property, cohort, enrolled_at)"
        " values ($1, gen_random_uuid(), 'j', '{}', 'm', 'n', 'o', 'airport', 'front_desk', now())",
        office.tenant_id,
    )
    for code, uses in (("harbour", (1, 0)), ("airport", (0, 1))):
        at = f"/properties/{code}"
        told = check_problem(await office.send("DELETE", at, of=at), 409, "REGISTRY.PROPERTY_IN_USE")
        assert (told["members"], told["devices"]) == uses
    await office.done("DELETE", f"/members/{member}", of=f"/members/{member}")
    assert (await office.send("DELETE", "/properties/harbour", of="/properties/harbour")).status_code == 204


async def test_nobody_is_given_a_place_that_is_going(office: Office, member: str) -> None:
    for turn in range(8):
        code = f"p{turn}"
        await office.new_properties(code)
        at = (await office.get(f"/members/{member}")).headers["ETag"]
        await asyncio.gather(
            office.send("PUT", f"/members/{member}/scopes/{code}", {"backoffice_roles": []}, match=at),
            office.send("DELETE", f"/properties/{code}", match='"1"'),
        )
        exists = (await office.get(f"/properties/{code}")).status_code == 200
        assert exists is (code in await office.scope(member))


async def test_a_change_of_scope_is_said_whole_once_and_pushed(office: Office, member: str) -> None:
    at = f"/members/{member}"
    wanted = {"backoffice_roles": ["maintenance", "general_manager"]}
    for _ in range(2):
        await office.done("PUT", f"{at}/scopes/airport", wanted, of=at)
    assert await office.said(CHANGED) == [
        {
            "tenant_id": str(office.tenant_id),
            "member_id": member,
            "backoffice_roles": ["front_desk", "general_manager", "maintenance"],
            "properties": ["airport", "harbour"],
            "scopes": [
                {"property": "airport", "backoffice_roles": ["general_manager", "maintenance"]},
                {"property": "harbour", "backoffice_roles": ["front_desk"]},
            ],
        }
    ]
    await office.pusher.push_due()
    roles = ["front_desk", "general_manager", "maintenance"]
    assert office.provider.members[member] == MemberState([], roles, ["airport", "harbour"], is_active=True)
    await office.done("DELETE", f"{at}/scopes/harbour", of=at)
    assert (await office.said(CHANGED))[-1]["properties"] == ["airport"]
    answer = await office.send("DELETE", f"{at}/scopes/harbour", of=at)
    check_problem(answer, 404, "REGISTRY.SCOPE_NOT_FOUND")
    answer = await office.send("PUT", f"{at}/scopes/moon", wanted, of=at)
    check_problem(answer, 404, "REGISTRY.PROPERTY_NOT_FOUND")
    assert (await office.send("PUT", f"{at}/scopes/airport", wanted, match='"1"')).status_code == 412
    assert len(await office.said(CHANGED)) == 2


async def test_what_other_services_ask_is_what_was_said_last(office: Office, member: str) -> None:
    at = f"/members/{member}"
    await office.done("PUT", f"{at}/scopes/airport", {"backoffice_roles": []}, of=at)
    path = f"/internal/v1/directory/tenants/{office.tenant_id}/members/{member}"
    told = (await office.get(path, who=office.service("bff"))).json()
    assert (told["properties"], told["backoffice_roles"]) == (["airport", "harbour"], ["front_desk"])
    assert told["is_active"] is True


async def test_a_verification_is_by_one_of_ours_and_ends_with_what_it_was_of(
    office: Office, member: str
) -> None:
    at, place = f"/members/{member}", f"/members/{member}/scopes/harbour"
    success = office.caller("CUSTOMER_SUCCESS")
    seen = (await office.get(f"{at}/scopes", who=success)).headers["ETag"]
    told = await office.done("POST", f"{place}/verification", match=seen, who=success)
    [scope] = told["scopes"]
    assert (bool(scope["verified_by"]), scope["verified_at"]) == (True, office.life.clock.now().isoformat())
    assert await office.said(CHANGED) == [], "the scope is what it was"
    answer = await office.send("POST", f"{place}/verification", match=seen, who=success)
    assert answer.status_code == 412
    its_admin = office.callers.add(tenant_id=office.tenant_id, org_roles=frozenset({"IT_ADMIN"}))
    for who in (its_admin, office.caller("SUPPORT_ENGINEER")):
        assert (await office.send("POST", f"{place}/verification", of=at, who=who)).status_code == 403
    answer = await office.send("POST", f"{at}/scopes/airport/verification", of=at)
    check_problem(answer, 404, "REGISTRY.SCOPE_NOT_FOUND")
    await office.done("PUT", place, {"backoffice_roles": ["front_desk"]}, of=at)
    assert [
        one["property"] for one in (await office.get("/member-scopes", verified=True)).json()["scopes"]
    ] == ["harbour"]
    await office.done("PUT", place, {"backoffice_roles": ["housekeeping"]}, of=at)
    assert (await office.get("/member-scopes", verified=True)).json()["scopes"] == []


async def test_an_import_is_taken_whole_and_once(office: Office, member: str) -> None:
    other = await office.new_member("bob")
    rows = [
        row("ANN@acme.example", "airport", "maintenance"),
        row(member, "harbour", remove=True),
        row(other, "harbour", "front_desk", "housekeeping"),
        row(other, "airport", remove=True),
    ]
    foreseen = await office.done("POST", IMPORT, {"rows": rows}, dry_run=True)
    assert await office.said(CHANGED) == []
    assert await office.scope(other) == {}
    done = await office.done("POST", IMPORT, {"rows": rows}, key="k1")
    assert done == {**foreseen, "dry_run": False}
    assert done == {
        "dry_run": False, "rows": 4, "added": 2, "changed": 0, "removed": 1, "unchanged": 1,
        "members_changed": sorted([member, other]),
    }  # fmt: skip
    assert await office.scope(member) == {"airport": ["maintenance"]}
    assert await office.scope(other) == {"harbour": ["front_desk", "housekeeping"]}
    assert await office.done("POST", IMPORT, {"rows": rows}, key="k1") == done
    repeated = await office.done("POST", IMPORT, {"rows": rows})
    assert (repeated["unchanged"], repeated["members_changed"]) == (4, [])
    said = await office.said(CHANGED)
    assert sorted(body["member_id"] for body in said) == sorted([member, other]), "once each"


async def test_every_fault_is_named_by_its_row_and_nothing_is_changed(office: Office, member: str) -> None:
    gone = await office.new_member("eve")
    await office.done("DELETE", f"/members/{gone}", of=f"/members/{gone}")
    rows = [
        row(member, "airport"),
        row("nobody", "moon"),
        row("ann@acme.example", "airport", "front_desk"),
        row(gone, "harbour"),
    ]
    told = check_problem(await office.send("POST", IMPORT, {"rows": rows}), 422, "REGISTRY.SCOPES_REFUSED")
    assert [(fault["pointer"], fault["code"]) for fault in told["errors"]] == [
        ("/rows/1/property", "unknown"),
        ("/rows/1/member", "unknown"),
        ("/rows/2/member", "repeated"),
        ("/rows/3/member", "deactivated"),
    ]
    assert await office.scope(member) == {"harbour": ["front_desk"]}
    assert await office.said(CHANGED) == []
    for wrong in (
        [],
        [row(member, "airport", "king")],
        [{"member": member}],
        [row(member, "airport", remove="yes")],
    ):
        assert (await office.send("POST", IMPORT, {"rows": wrong})).status_code == 422, wrong


async def test_an_import_is_bounded_and_so_is_a_scope(office: Office) -> None:
    codes = [f"p{number}" for number in range(MOST_PROPERTIES + 1)]
    await office.life.admin.executemany(
        "insert into registry.property values ($1, gen_random_uuid(), $2, 'x', 'UTC', now())",
        [(office.tenant_id, code) for code in codes],
    )
    members = [await office.new_member(f"m{number}") for number in range(10)]
    rows = [row(one, code, "front_desk", "housekeeping") for one in members for code in codes[:-1]]
    assert len(rows) == MOST_ROWS
    done = await office.done("POST", IMPORT, {"rows": rows})
    assert (done["added"], len(done["members_changed"])) == (MOST_ROWS, 10)
    assert len(await office.said(CHANGED)) == 10
    assert (await office.send("POST", IMPORT, {"rows": [*rows, rows[0]]})).status_code == 422
    answer = await office.send("POST", IMPORT, {"rows": [row(members[0], codes[-1])]})
    check_problem(answer, 422, "REGISTRY.SCOPES_REFUSED")


async def test_imports_side_by_side_leave_what_one_of_them_says(office: Office, member: str) -> None:
    roles = ["front_desk", "housekeeping", "maintenance", "general_manager"]
    imports = [
        {"rows": [row(member, "airport", role), row(member, "harbour", role)]}
        for role in roles
        for _ in range(2)
    ]
    answers = await asyncio.gather(*(office.send("POST", IMPORT, body) for body in imports))
    assert {answer.status_code for answer in answers} == {200}
    last = (await office.said(CHANGED))[-1]
    scope = await office.scope(member)
    assert scope["airport"] == scope["harbour"] == last["backoffice_roles"]


async def test_scopes_are_listed_by_property_in_pages(office: Office, member: str) -> None:
    for number in range(5):
        await office.new_member(f"m{number}", properties=["airport", "harbour"])
    found: list[tuple[str, str]] = []
    given: dict[str, Any] = {}
    while True:
        page = (await office.get("/member-scopes", page_size=4, **given)).json()
        found += [(one["member_id"], one["property"]) for one in page["scopes"]]
        if page["next_page_token"] is None:
            break
        given = {"page_token": page["next_page_token"]}
    assert found == sorted(set(found))
    assert len(found) == 11
    at_airport = (await office.get("/member-scopes", property="airport")).json()["scopes"]
    assert [one["member_id"] for one in at_airport] == [who for who, where in found if where == "airport"]
    assert (await office.get("/member-scopes", property="airport", **given)).status_code == 400
