"""Wishes: one lead while it is open, told to sales and to the CRM once, seen by whoever may."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from contracts.capabilities import DEMO_TENANT_ID
from services.registry.demo.reset import DemoResets
from services.registry.demo.store import queries as demo_queries
from services.registry.leads.crm import CrmUnavailable, LocalCrm
from services.registry.tenants.model import Purchase, Trigger
from tests.integration.registry.desk import Desk, desk_of
from tests.integration.registry.life import BEGAN, DAY, LADDER, Life

WISH = {"product": "compliance_suite", "why": "Audits take us weeks", "seats": 40, "volume": 9}
PROSPECT = {"company": "Hotel Nord", "email": "Buyer@Nord.Example"}


@pytest.fixture
async def desk(life: Life, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(life, tmp_path) as found:
        yield found


@pytest.fixture
async def tenant_id(life: Life) -> UUID:
    found = await life.new_trial()
    await life.buy(found, Trigger.PAYMENT, Purchase("starter", ("notetaker",), BEGAN.date(), None))
    return found


async def wish(desk: Desk, tenant_id: UUID, status: int = 201, **changed: Any) -> dict[str, Any]:
    answer = await desk.post("/v1/catalog/requests", desk.member(tenant_id, "USER"), {**WISH, **changed})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def close(desk: Desk, lead_id: str, who: dict[str, str], outcome: str = "won") -> httpx.Response:
    etag = (await desk.get(f"/v1/leads/{lead_id}", who)).headers.get("ETag", '"1"')
    return await desk.post(f"/v1/leads/{lead_id}/closing", who, {"outcome": outcome}, **{"If-Match": etag})


async def leads(desk: Desk, who: dict[str, str], **query: Any) -> list[str]:
    answer = await desk.get("/v1/leads", who, **query)
    assert answer.status_code == 200, answer.text
    return [lead["lead_id"] for lead in answer.json()["leads"]]


async def test_the_catalogue_says_what_the_tenant_has_and_why(desk: Desk, tenant_id: UUID) -> None:
    lead = await wish(desk, tenant_id)
    answer = await desk.get("/v1/catalog", desk.member(tenant_id, "USER"))
    found = {product["key"]: product["state"] for product in answer.json()["products"]}
    assert found["notetaker"] == {
        "is_entitled": True, "why": "granted by order", "expires_at": None, "is_in_plan": True, "open_request": None,
    }  # fmt: skip
    assert (found["compliance_suite"]["is_entitled"], found["compliance_suite"]["why"]) == (
        False,
        "taken away by trial",
    )
    assert found["compliance_suite"]["open_request"] == lead["lead_id"]
    for role in ("PLATFORM_ADMIN", "SUPPORT_ENGINEER"):
        nobodys = await desk.get("/v1/catalog", desk.operator(role))
        assert {product["state"] for product in nobodys.json()["products"]} == {None}


async def test_the_same_wish_is_one_lead_until_it_is_closed(desk: Desk, tenant_id: UUID) -> None:
    first = await wish(desk, tenant_id)
    again = await wish(desk, tenant_id, status=200, why="Still")
    other = await wish(desk, tenant_id, product="ai_console")
    assert again["lead_id"] == first["lead_id"] != other["lead_id"]
    assert again["why"] == WISH["why"]
    told = [data for verb, data in await desk.life.said(tenant_id) if verb == "lead.requested"]
    assert [data["product"] for data in told] == ["compliance_suite", "ai_console"]
    assert (await close(desk, first["lead_id"], desk.operator())).json()["outcome"] == "won"
    assert (await wish(desk, tenant_id))["lead_id"] != first["lead_id"]
    assert await desk.life.admin.fetchval("select count(*) from registry.tenant") == 1


async def test_many_who_ask_at_the_same_moment_make_one_lead(desk: Desk, tenant_id: UUID) -> None:
    who = [desk.member(tenant_id) for _ in range(8)]
    answers = await asyncio.gather(*(desk.post("/v1/catalog/requests", one, WISH) for one in who))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["lead_id"] for answer in answers}) == 1
    assert (await desk.life.verbs(tenant_id)).count("lead.requested") == 1


async def test_nobody_who_asks_is_on_the_bus(desk: Desk, tenant_id: UUID) -> None:
    await wish(desk, tenant_id)
    await desk.post("/v1/catalog/trial-requests", desk.operator("SALES_REP"), PROSPECT)
    rows = await desk.life.admin.fetch(
        "select payload from registry.outbox where subject like 'registry.lead.%'"
    )
    said = b"".join(bytes(row["payload"]) for row in rows).decode().lower()
    assert len(rows) == 2
    assert not [word for word in ("nord", "@", "weeks") if word in said]


async def test_a_prospects_trial_is_asked_for_in_the_demo_tenant_and_makes_no_tenant(desk: Desk) -> None:
    rep = desk.operator("SALES_REP", email="rep@tenantry.example", sub="rep-1")
    first = await desk.post("/v1/catalog/trial-requests", rep, PROSPECT)
    again = await desk.post("/v1/catalog/trial-requests", rep, {**PROSPECT, "email": "buyer@nord.example"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["lead_id"] == again.json()["lead_id"]
    assert (first.json()["tenant_id"], first.json()["owner"]) == (str(DEMO_TENANT_ID), "rep-1")
    assert await desk.life.admin.fetchval("select count(*) from registry.tenant") == 0


async def test_an_upgrade_is_one_task_in_the_crm(desk: Desk, tenant_id: UUID) -> None:
    asked = {"plan": "enterprise", "why": "Growing"}
    first, again = [
        await desk.post("/v1/billing/upgrade-requests", desk.member(tenant_id, "FINANCE"), asked)
        for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (201, 200)
    assert await desk.pusher().push_due() == 1
    [task] = desk.documents("Task")
    assert json.loads(task.read_bytes())["plan"] == "enterprise"
    assert (
        await desk.post("/v1/billing/upgrade-requests", desk.member(tenant_id, "USER"), asked)
    ).status_code == 403


async def test_whoever_is_in_no_tenant_wishes_for_nothing(desk: Desk) -> None:
    answer = await desk.post("/v1/catalog/requests", desk.operator(), WISH)
    assert (answer.status_code, answer.json()["code"]) == (403, "REGISTRY.NO_TENANT")


async def test_an_unknown_product_makes_no_lead(desk: Desk, tenant_id: UUID) -> None:
    assert (await wish(desk, tenant_id, status=422, product="nothing"))["code"] == "REGISTRY.PRODUCT_UNKNOWN"
    assert await leads(desk, desk.operator()) == []


async def test_a_representative_sees_its_own_leads_and_nobody_elses(desk: Desk, tenant_id: UUID) -> None:
    mine, theirs = (desk.operator("SALES_REP", sub=sub) for sub in ("rep-1", "rep-2"))
    own = await desk.post("/v1/catalog/trial-requests", mine, PROSPECT)
    body = {"owner": "rep-2", "email": "rep2@tenantry.example"}
    assert (
        await desk.post(f"/v1/tenants/{tenant_id}/sales-owner", desk.operator(), body, "PUT")
    ).status_code == 200
    other = await wish(desk, tenant_id)
    assert await leads(desk, mine) == [own.json()["lead_id"]]
    assert await leads(desk, theirs) == [other["lead_id"]]
    for role in ("PLATFORM_ADMIN", "SUPPORT_ENGINEER"):
        assert len(await leads(desk, desk.operator(role))) == 2
    shown = await desk.get(f"/v1/leads/{other['lead_id']}", theirs)
    assert [activity["verb"] for activity in shown.json()["activities"]] == ["requested"]
    assert (await desk.get(f"/v1/leads/{other['lead_id']}", mine)).json()["code"] == "REGISTRY.LEAD_NOT_FOUND"
    assert (await close(desk, other["lead_id"], mine)).status_code == 404
    assert (await close(desk, other["lead_id"], desk.operator("SUPPORT_ENGINEER"))).status_code == 403
    assert (await close(desk, other["lead_id"], theirs, "lost")).json()["outcome"] == "lost"
    assert (await close(desk, other["lead_id"], theirs)).json()["code"] == "REGISTRY.LEAD_CLOSED"
    assert await leads(desk, desk.operator(), status="open") == [own.json()["lead_id"]]


async def test_pages_of_leads_name_each_once(desk: Desk) -> None:
    rep = desk.operator("SALES_REP")
    for number in range(5):
        await desk.post("/v1/catalog/trial-requests", rep, {**PROSPECT, "email": f"b{number}@nord.example"})
    found: list[str] = []
    token: dict[str, str | None] = {}
    for _ in range(3):
        page = (await desk.get("/v1/leads", rep, page_size=2, **token)).json()
        found += [lead["lead_id"] for lead in page["leads"]]
        token = {"page_token": page["next_page_token"]}
    assert (len(found), len(set(found)), token) == (5, 5, {"page_token": None})


class Died(BaseException):  # no error: nobody may catch it
    """The process ends here."""


class DyingCrm(LocalCrm):
    """Takes the document, and the process dies before it can say so."""

    async def record(self, doctype: Any, external_id: UUID, version: int, fields: Mapping[str, Any]) -> None:
        await super().record(doctype, external_id, version, fields)
        raise Died


async def test_a_crash_between_write_and_mark_makes_one_document(desk: Desk, tenant_id: UUID) -> None:
    lead = await wish(desk, tenant_id)
    with pytest.raises(Died):
        await desk.pusher(DyingCrm(desk.folder)).push_due()
    await asyncio.gather(*(desk.pusher().push_due() for _ in range(3)))
    [document] = desk.documents("Lead")
    told = json.loads(document.read_bytes())
    assert (document.stem, told["company_name"], told["why"]) == (lead["lead_id"], "Acme", WISH["why"])
    assert await desk.pusher().push_due() == 0
    shown = (await desk.get(f"/v1/leads/{lead['lead_id']}", desk.operator())).json()
    assert [activity["verb"] for activity in shown["activities"]] == ["requested", "recorded"]


async def test_a_crm_that_is_away_hears_later_and_the_others_leads_are_not_held_up(
    desk: Desk, tenant_id: UUID
) -> None:
    first, second = await wish(desk, tenant_id), await wish(desk, tenant_id, product="ai_console")

    class Away(LocalCrm):
        async def record(
            self, doctype: Any, external_id: UUID, version: int, fields: Mapping[str, Any]
        ) -> None:
            if str(external_id) == first["lead_id"]:
                raise CrmUnavailable("in a moment")
            await super().record(doctype, external_id, version, fields)

    assert await desk.pusher(Away(desk.folder)).push_due() == 1
    assert [path.stem for path in desk.documents("Lead")] == [second["lead_id"]]
    assert await desk.pusher().push_due() == 0, "not at once"
    desk.life.clock.advance(DAY)
    assert await desk.pusher().push_due() == 1
    assert len(desk.documents("Lead")) == 2


async def test_the_crm_hears_the_end_and_an_older_word_never_replaces_it(desk: Desk, tenant_id: UUID) -> None:
    lead = await wish(desk, tenant_id)
    crm = LocalCrm(desk.folder)
    await close(desk, lead["lead_id"], desk.operator(), "lost")
    await desk.pusher().push_due()
    await crm.record("Lead", UUID(lead["lead_id"]), 1, {"outcome": None})
    assert json.loads(desk.documents("Lead")[0].read_bytes())["outcome"] == "lost"


async def test_the_notifier_is_told_whom_to_tell(desk: Desk, tenant_id: UUID) -> None:
    unowned = await wish(desk, tenant_id)
    path = "/internal/v1/directory/leads/{}/recipients"
    found = (await desk.get(path.format(unowned["lead_id"]), desk.service())).json()
    assert [who["email"] for who in found["recipients"]] == ["sales@tenantry.example"]
    assert (found["data"]["company"], found["data"]["why"]) == ("Acme", WISH["why"])
    rep = desk.operator("SALES_REP", email="rep@tenantry.example")
    owned = await desk.post("/v1/catalog/trial-requests", rep, PROSPECT)
    found = (await desk.get(path.format(owned.json()["lead_id"]), desk.service())).json()
    assert [who["email"] for who in found["recipients"]] == ["rep@tenantry.example"]
    operators = (await desk.get("/internal/v1/directory/operators/recipients", desk.service())).json()
    assert [who["email"] for who in operators["recipients"]] == ["operators@tenantry.example"]
    assert (await desk.get(path.format(UUID(int=7)), desk.service())).json()[
        "code"
    ] == "REGISTRY.LEAD_NOT_FOUND"
    for who in (desk.operator(), desk.service("bff"), desk.member(tenant_id)):
        assert (await desk.get(path.format(unowned["lead_id"]), who)).status_code == 403


async def test_leads_outlive_the_nightly_reset_and_go_with_their_tenant(desk: Desk, life: Life) -> None:
    products: Any = None  # none is asked
    await DemoResets(life.database, desk.people, products, life.clock, LADDER).ensure()
    rep = desk.operator("SALES_REP", sub="rep-1")
    kept = await desk.post("/v1/catalog/trial-requests", rep, PROSPECT)
    async with life.database.transaction(DEMO_TENANT_ID) as tx:
        await demo_queries.erase_demo(tx, kept_members=[])
    assert await leads(desk, rep) == [kept.json()["lead_id"]]
    leaving = await life.new_trial()
    await wish(desk, leaving)
    life.clock.advance(75 * DAY)
    await life.run_due()
    assert await leads(desk, desk.operator()) == [kept.json()["lead_id"]]
