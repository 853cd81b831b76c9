"""Devices are enrolled at properties that there are, by members who work there."""

import asyncio
import uuid
from typing import Any

import httpx
from joserfc.jwk import ECKey

from desktop.enrolment import sign_challenge
from services.registry.errors import PropertyUnknown
from services.registry.tenants.model import Trigger
from tests.integration.registry.operators import check_problem
from tests.integration.registry.people_stage import Office

DEVICES = "/v1/devices"


def member_of(office: Office, *properties: str, **about: Any) -> dict[str, str]:
    known = {"tenant_id": office.tenant_id, "org_roles": frozenset({"USER"}), "acr": "mfa"}
    return office.callers.add(**{**known, "properties": frozenset(properties), **about})


async def post(office: Office, path: str, who: dict[str, str], body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": uuid.uuid4().hex, **who}
    return await office.http.post(f"{DEVICES}{path}", json=body, headers=headers)


async def challenge(office: Office, who: dict[str, str]) -> str:
    answer = await post(office, "/challenges", who, {})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["challenge"])


async def enrol(office: Office, who: dict[str, str], place: str, *, text: str = "") -> httpx.Response:
    key = ECKey.generate_key("P-256")
    text = text or await challenge(office, who)
    body = {
        "challenge": text,
        "signature": sign_challenge(key, text),
        "jwk": key.as_dict(private=False),
        "name": "Front desk, left",
        "os": "Windows 11",
        "property": place,
        "cohort": "front_desk",
    }
    return await post(office, "", who, body)


async def standing_at(office: Office, place: str) -> int:
    found: int = await office.life.admin.fetchval(
        "select count(*) from registry.device where tenant_id = $1 and property = $2", office.tenant_id, place
    )
    return found


async def test_a_device_is_enrolled_at_a_property_of_the_tenant(office: Office) -> None:
    await office.new_properties("harbour")
    for who in (member_of(office, "harbour"), member_of(office)):
        answer = await enrol(office, who, "harbour")
        assert answer.status_code == 201, answer.text
    assert await standing_at(office, "harbour") == 2
    assert len(await office.said("device.enrolled")) == 2


async def test_a_property_that_there_is_not_is_refused_and_the_challenge_stays(office: Office) -> None:
    await office.new_properties("harbour")
    who = member_of(office)
    text = await challenge(office, who)
    refused = await enrol(office, who, "harbor", text=text)
    check_problem(refused, 422, PropertyUnknown.code, pointer="/property", fault="unknown")
    assert await standing_at(office, "harbor") == 0
    assert await office.said("device.enrolled") == []
    assert (await enrol(office, who, "harbour", text=text)).status_code == 201


async def test_a_property_of_another_tenant_is_none_of_this_one(office: Office) -> None:
    await office.new_properties("harbour")
    stranger = member_of(office, tenant_id=await office.life.new_trial())
    check_problem(await enrol(office, stranger, "harbour"), 422, PropertyUnknown.code)


async def test_a_member_enrols_only_where_it_works(office: Office) -> None:
    await office.new_properties("harbour", "airport")
    refused = await enrol(office, member_of(office, "harbour"), "airport")
    check_problem(refused, 403, "CHASSIS.FORBIDDEN")


async def test_nothing_is_enrolled_in_a_frozen_tenant(office: Office) -> None:
    await office.new_properties("harbour")
    who = member_of(office)
    text = await challenge(office, who)
    await office.life.buy(office.tenant_id, Trigger.PAYMENT)
    await office.life.freeze(office.tenant_id)
    check_problem(await enrol(office, who, "harbour", text=text), 402, "REGISTRY.TENANT_FROZEN")


async def test_no_device_stands_at_a_property_that_went(office: Office) -> None:
    who = member_of(office)
    for turn in range(8):
        code = f"p{turn}"
        await office.new_properties(code)
        text = await challenge(office, who)
        await asyncio.gather(
            enrol(office, who, code, text=text), office.send("DELETE", f"/properties/{code}", match='"1"')
        )
        exists = (await office.get(f"/properties/{code}")).status_code == 200
        assert exists == bool(await standing_at(office, code)), code
