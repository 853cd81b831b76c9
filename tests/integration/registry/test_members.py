"""Members: who is one, what it is, when it is not one any more; the identity provider hears all of it."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from services.registry.identity import MemberState
from services.registry.tenants.model import Trigger
from tests.integration.registry.operators import check_problem
from tests.integration.registry.people_stage import Office


async def test_a_member_joins_is_listed_and_shown(office: Office) -> None:
    await office.new_properties("airport", "harbour")
    member = await office.new_member(
        "ann", backoffice_roles=["front_desk"], properties=["harbour", "airport"]
    )
    [listed] = (await office.get("/members")).json()["members"]
    shown = await office.get(f"/members/{member}")
    assert listed == shown.json()
    assert (listed["email"], listed["properties"]) == ("ann@acme.example", ["airport", "harbour"])
    assert shown.headers["ETag"] == '"1"'
    assert await office.scope(member) == {"airport": ["front_desk"], "harbour": ["front_desk"]}
    check_problem(await office.get("/members/nobody"), 404, "REGISTRY.MEMBER_NOT_FOUND")


async def test_nobody_joins_at_a_place_that_there_is_not(office: Office) -> None:
    await office.new_properties("harbour")
    body = {"email": "a@acme.example", "name": "A", "properties": ["harbour", "moon"]}
    answer = await office.send("POST", "/members", body)
    check_problem(answer, 422, "REGISTRY.SCOPES_REFUSED", pointer="/properties/1", fault="unknown")
    body = {"email": "a@acme.example", "name": "A", "backoffice_roles": ["front_desk"]}
    check_problem(
        await office.send("POST", "/members", body),
        422,
        "REGISTRY.SCOPES_REFUSED",
        fault="missing",
        pointer="/properties",
    )
    assert office.provider.members == {}, "nobody was made elsewhere either"


async def test_changed_roles_are_said_once_and_pushed(office: Office) -> None:
    member = await office.new_member("ann", org_roles=["USER"])
    at = f"/members/{member}"
    for _ in range(2):
        await office.done("PUT", f"{at}/roles", {"org_roles": ["LEGAL", "FINANCE", "LEGAL"]}, of=at)
    assert [body["org_roles"] for body in await office.said("member.roles_changed")] == [["FINANCE", "LEGAL"]]
    await office.pusher.push_due()
    assert office.provider.members[member] == MemberState(["FINANCE", "LEGAL"], [], [], is_active=True)
    assert (await office.send("PUT", f"{at}/roles", {"org_roles": []}, match='"1"')).status_code == 412
    assert (await office.send("PUT", f"{at}/roles", {"org_roles": ["KING"]}, of=at)).status_code == 422


async def test_a_deactivated_member_has_nothing_gets_no_mail_and_is_changed_no_more(office: Office) -> None:
    await office.new_properties("harbour")
    member = await office.new_member(
        "ann", org_roles=["LEGAL"], backoffice_roles=["front_desk"], properties=["harbour"]
    )
    at = f"/members/{member}"
    gone = await office.done("DELETE", at, of=at)
    assert (bool(gone["deactivated_at"]), gone["properties"], gone["backoffice_roles"]) == (True, [], [])
    assert await office.scope(member) == {}
    assert await office.said("member.deactivated") == [
        {"tenant_id": str(office.tenant_id), "member_id": member}
    ]
    assert await office.said("member.scope_changed") == [], "the one word says it all"
    for method, path, body in (
        ("DELETE", at, None),
        ("PUT", f"{at}/roles", {"org_roles": []}),
        ("PUT", f"{at}/scopes/harbour", {"backoffice_roles": []}),
    ):
        check_problem(await office.send(method, path, body, of=at), 409, "REGISTRY.MEMBER_DEACTIVATED")
    inside = f"/internal/v1/directory/tenants/{office.tenant_id}"
    told = await office.get(f"{inside}/recipients", who=office.service("notifier"), role="LEGAL")
    assert told.json() == {"recipients": []}
    told = await office.get(f"{inside}/members/{member}", who=office.service("bff"))
    assert (told.json()["is_active"], told.json()["properties"]) == (False, [])
    await office.pusher.push_due()
    assert office.provider.members[member] == MemberState(["LEGAL"], [], [], is_active=False)


async def test_the_token_of_a_deactivated_member_ends_at_once_and_counts_again_when_it_is_back(
    office: Office,
) -> None:
    boss, other = [await office.new_member(name, org_roles=["IT_ADMIN"]) for name in ("ann", "bob")]
    tokens = [
        office.callers.add(sub=who, tenant_id=office.tenant_id, org_roles=frozenset({"IT_ADMIN"}))
        for who in (boss, other)
    ]
    assert [(await office.get("/members", who=who)).status_code for who in tokens] == [200, 200]
    at = f"/members/{boss}"
    await office.done("DELETE", at, of=at)
    answer = await office.get("/members", who=tokens[0])
    check_problem(answer, 401, "CHASSIS.UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await office.get("/members", who=tokens[1])).status_code == 200
    await office.new_member("ann", org_roles=["IT_ADMIN"])
    assert (await office.get("/members", who=tokens[0])).status_code == 200


async def test_who_is_added_again_comes_back_as_what_is_said_now(office: Office) -> None:
    await office.new_properties("harbour")
    member = await office.new_member("ann", org_roles=["LEGAL"])
    at = f"/members/{member}"
    await office.done("DELETE", at, of=at)
    again = await office.new_member("ann", org_roles=["USER"], properties=["harbour"])
    assert again == member
    shown = (await office.get(at)).json()
    assert (shown["deactivated_at"], shown["org_roles"], shown["properties"]) == (None, ["USER"], ["harbour"])
    await office.pusher.push_due()
    assert office.provider.members[member].is_active


async def test_the_last_it_admin_stays(office: Office) -> None:
    one, other = [await office.new_member(name, org_roles=["IT_ADMIN"]) for name in ("ann", "bob")]
    first = f"/members/{one}"
    await office.done("DELETE", first, of=first)
    last = f"/members/{other}"
    check_problem(await office.send("DELETE", last, of=last), 409, "REGISTRY.LAST_IT_ADMIN")
    answer = await office.send("PUT", f"{last}/roles", {"org_roles": ["USER"]}, of=last)
    check_problem(answer, 409, "REGISTRY.LAST_IT_ADMIN")
    await office.done("PUT", f"{last}/roles", {"org_roles": ["IT_ADMIN", "USER"]}, of=last)


async def test_two_admins_who_end_each_other_side_by_side_leave_one(office: Office) -> None:
    for turn in range(5):
        names = [f"a{turn}", f"b{turn}"]
        pair = [await office.new_member(name, org_roles=["IT_ADMIN"]) for name in names]
        for one in await alive(office):
            if one not in pair:
                await office.done("DELETE", f"/members/{one}", of=f"/members/{one}")
        await asyncio.gather(*(office.send("DELETE", f"/members/{one}", match='"1"') for one in pair))
        assert len(await alive(office)) == 1


async def alive(office: Office) -> list[str]:
    listed = (await office.get("/members", page_size=200)).json()["members"]
    return [row["member_id"] for row in listed if not row["deactivated_at"]]


async def test_a_member_of_a_frozen_tenant_can_be_shut_out(office: Office) -> None:
    member = await office.new_member("ann")
    await office.life.buy(office.tenant_id, Trigger.PAYMENT)
    await office.life.freeze(office.tenant_id)
    at = f"/members/{member}"
    answer = await office.send("PUT", f"{at}/roles", {"org_roles": ["USER"]}, of=at)
    check_problem(answer, 402, "REGISTRY.TENANT_FROZEN")
    assert (await office.done("DELETE", at, of=at))["deactivated_at"]


async def test_what_the_provider_could_not_hear_it_hears_later(office: Office) -> None:
    member = await office.new_member("ann", org_roles=["USER"])
    await office.pusher.push_due()
    office.provider.is_down = True
    at = f"/members/{member}"
    await office.done("DELETE", at, of=at)
    await office.pusher.push_due()
    assert office.provider.members[member].is_active
    office.provider.is_down = False
    office.life.clock.advance(timedelta(seconds=2))
    await office.pusher.push_due()
    assert not office.provider.members[member].is_active
    assert await office.life.admin.fetchval("select count(*) from registry.member_push") == 0


async def test_a_repeated_request_does_not_bring_old_roles_back(office: Office) -> None:
    """Adding a member speaks to the provider before the repetition is noticed."""
    body = {"email": "ann@acme.example", "name": "Ann", "org_roles": ["IT_ADMIN"]}
    key = uuid4().hex
    member = (await office.done("POST", "/members", body, key=key))["member_id"]
    await office.new_member("bob", org_roles=["IT_ADMIN"])
    at = f"/members/{member}"
    await office.done("DELETE", at, of=at)
    await office.pusher.push_due()
    await office.done("POST", "/members", body, key=key)
    await office.pusher.push_due()
    assert office.provider.members[member] == MemberState(["IT_ADMIN"], [], [], is_active=False)


async def test_older_things_that_arrive_late_are_told_over(office: Office) -> None:
    """Another process told the provider newer things while ours were on their way."""
    member = await office.new_member("ann", org_roles=["USER"])
    tell = office.provider.set_member

    async def late(org_id: str, member_id: str, state: MemberState) -> None:
        office.provider.set_member = tell  # type: ignore[method-assign]
        at = f"/members/{member}"
        await office.done("DELETE", at, of=at)
        await office.pusher.push_due()
        await tell(org_id, member_id, state)

    office.provider.set_member = late  # type: ignore[method-assign]
    await office.pusher.push_due()
    assert office.provider.members[member].is_active, "the old word came last"
    await office.pusher.push_due()
    assert not office.provider.members[member].is_active
