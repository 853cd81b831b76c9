"""Admin actions: what is asked is written down before the product is called, and what became of it is never made up."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from chassis.auth import Authenticate
from chassis.health import Health
from chassis.http import create_api
from chassis.pages import PageTokens
from services.registry.actions import api as actions
from services.registry.actions.forgotten import ForgottenActions
from services.registry.products.client import ProductClient
from tests.infra import eventually
from tests.integration.products.stage import Running, Town, queue_of
from tests.integration.registry.key_stage import Callers
from tests.integration.registry.life import Life
from tests.ports import free_port

pytestmark = pytest.mark.timeout(180)
SECONDS = 2.0
CONNECT = "update registry.product set manifest = manifest || jsonb_build_object('api_base', $2::text) where key = $1"
NOT_CONCLUDED = "update registry.product_action set state = 'requested', completed_at = null"
REFUSES = """
create function registry.refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
create trigger refuses before update of state on registry.product_action
for each row when (old.action_id = '{}') execute function registry.refuse()
"""
DONE_BY_PRODUCT = "select count(*) from action"


@dataclass
class Office:
    """The registry's actions in this process, and one product."""

    town: Town
    life: Life
    tenant_id: UUID
    running: Running
    client: ProductClient
    http: httpx.AsyncClient
    callers: Callers = field(default_factory=Callers)

    @property
    def admin(self) -> dict[str, str]:
        """An IT admin of the tenant."""
        return self.callers.add(tenant_id=self.tenant_id, org_roles=frozenset({"IT_ADMIN"}))

    def path(self, action: str = "", product: str = "notetaker", tenant_id: UUID | None = None) -> str:
        return f"/v1/tenants/{tenant_id or self.tenant_id}/products/{product}/actions{action and '/'}{action}"

    async def act(
        self, action: str = "flush_queue", *, key: str = "", who: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        headers = {**(who or self.admin), "Idempotency-Key": key or uuid4().hex}
        body = {"confirm": more.pop("confirm")} if "confirm" in more else {}
        return await self.http.post(self.path(action, **more), json=body, headers=headers)

    async def asked(self) -> list[dict[str, Any]]:
        """What the list shows, oldest first."""
        answer = await self.http.get(self.path(), headers=self.admin)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["actions"]
        return found[::-1]

    async def said(self) -> list[tuple[str, str]]:
        """(event, outcome) of actions, in order."""
        return [
            (verb.removeprefix("product_action."), data.get("outcome", ""))
            for verb, data in await self.life.said(self.tenant_id)
            if verb.startswith("product_action.")
        ]


@pytest.fixture
async def office(town: Town, life: Life, tenant_id: UUID) -> AsyncIterator[Office]:
    running = await town.start_product("notetaker")
    await life.admin.execute(CONNECT, "notetaker", running.url)
    client = town.client(seconds=SECONDS)
    callers = Callers()
    router = actions.router(life.database, Authenticate(callers), life.clock, PageTokens(b"made-up"), client)
    app = create_api(
        service="registry", version="1", routers=[router], health=Health({}), max_body_bytes=100_000,
        request_seconds=20,
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://registry") as http:
        yield Office(town, life, tenant_id, running, client, http, callers)


async def test_an_action_is_done_listed_and_said(office: Office) -> None:
    answer = await office.act()
    told = answer.json()
    assert (answer.status_code, told["state"], told["counts"]) == (200, "done", {"queue": 0})
    assert await office.asked() == [
        {**told, "requested_at": zulu(told["requested_at"]), "completed_at": zulu(told["completed_at"])}
    ]
    assert await office.said() == [("requested", ""), ("completed", "done")]


def zulu(text: str) -> str:
    return text.replace("+00:00", "Z")


def patient(client: ProductClient) -> None:
    """A loaded machine gets its time."""
    client._seconds = 15.0
    client._http.timeout = httpx.Timeout(15.0)


async def test_the_same_key_calls_once_also_side_by_side(office: Office) -> None:
    who = office.admin
    patient(office.client)
    await office.town.behave(office.running, "slow", 0.3)
    answers = await asyncio.gather(*(office.act(key="k1", who=who) for _ in range(10)))
    assert {one.status_code for one in answers} <= {200, 202, 409}
    taken = [one.json()["action_id"] for one in answers if one.status_code != 409]
    assert len(set(taken)) == 1
    last = await office.act(key="k1", who=who)
    assert (last.status_code, last.json()["state"]) == (200, "done")
    assert last.headers["Idempotency-Replayed"] == "true"
    assert office.running.rows(DONE_BY_PRODUCT) == [(1,)]
    assert len(await office.asked()) == 1
    reused = await office.http.post(
        office.path("flush_queue"), json={"confirm": "x"}, headers={**who, "Idempotency-Key": "k1"}
    )
    assert (reused.status_code, reused.json()["code"]) == (422, "CHASSIS.IDEMPOTENCY_KEY_REUSED")
    await office.act(key="k2", who=who)
    assert office.running.rows(DONE_BY_PRODUCT) == [(2,)]


async def test_what_was_surely_not_done_has_failed(office: Office) -> None:
    await office.town.behave(office.running, "fail")
    assert (await office.act()).json()["state"] == "failed"
    await office.life.admin.execute(CONNECT, "notetaker", f"http://127.0.0.1:{free_port()}")
    assert (await office.act()).json()["state"] == "failed"
    assert office.running.rows(DONE_BY_PRODUCT) == [(0,)]
    assert [outcome for _, outcome in await office.said()] == ["", "failed", "", "failed"]


async def test_what_may_have_been_done_is_unknown(office: Office) -> None:
    await office.town.behave(office.running, "slow", 3 * SECONDS)
    answer = await office.act()
    assert (answer.json()["state"], office.running.rows(DONE_BY_PRODUCT)) == ("unknown", [(1,)])
    assert "no answer within" in answer.json()["detail"]


async def test_a_product_that_is_killed_in_the_middle_leaves_unknown(office: Office) -> None:
    await office.town.behave(office.running, "slow", 10)
    acting = asyncio.create_task(office.act())
    await eventually(lambda: office.running.rows(DONE_BY_PRODUCT) == [(1,)], what="the product is at it")
    assert [one["state"] for one in await office.asked()] == ["requested"]
    office.running.process.signal(signal.SIGKILL)
    assert (await acting).json()["state"] == "unknown"
    assert await office.said() == [("requested", ""), ("completed", "unknown")]


async def test_a_frozen_tenant_changes_nothing(office: Office) -> None:
    await office.life.freeze(office.tenant_id)
    answer = await office.act()
    assert (answer.status_code, answer.json()["code"]) == (402, "REGISTRY.TENANT_FROZEN")
    assert office.running.rows(DONE_BY_PRODUCT) == [(0,)]
    assert await office.said() == []
    assert await office.asked() == []


async def test_refusals_name_what_is_wrong_and_call_nobody(office: Office) -> None:
    slug = await office.life.admin.fetchval(
        "select slug from registry.tenant where tenant_id = $1", office.tenant_id
    )
    destructive = {"action": "reset_state", "product": "ai_console"}
    stranger = office.callers.add(tenant_id=uuid4(), org_roles=frozenset({"IT_ADMIN"}))
    support = office.callers.add(realm_roles=frozenset({"SUPPORT_ENGINEER"}))
    acting = office.callers.add(tenant_id=office.tenant_id, org_roles=frozenset({"IT_ADMIN"}), act="somebody")
    user = office.callers.add(tenant_id=office.tenant_id, org_roles=frozenset({"USER"}))
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"action": "rotate_keys"}, 404, "REGISTRY.ACTION_UNKNOWN"),
        ({"product": "no_such"}, 404, "REGISTRY.PRODUCT_NOT_FOUND"),
        ({"action": "rotate_keys", "product": "compliance_suite"}, 403, "REGISTRY.NOT_ENTITLED"),
        (destructive, 422, "REGISTRY.SLUG_MISMATCH"),
        ({**destructive, "confirm": "another"}, 422, "REGISTRY.SLUG_MISMATCH"),
        ({**destructive, "confirm": slug}, 409, "REGISTRY.PRODUCT_NOT_CONNECTED"),
        ({"who": stranger}, 404, "CHASSIS.NOT_FOUND"),
        ({"who": support}, 403, "CHASSIS.FORBIDDEN"),
        ({"who": acting}, 403, "CHASSIS.FORBIDDEN"),
        ({"who": user}, 403, "CHASSIS.FORBIDDEN"),
    ]
    for asked, status, code in cases:
        answer = await office.act(**asked)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert office.running.rows(DONE_BY_PRODUCT) == [(0,)]
    assert await office.said() == []


async def test_a_destructive_action_with_the_slug_is_done(office: Office) -> None:
    console = await office.town.start_product("ai_console")
    await office.life.admin.execute(CONNECT, "ai_console", console.url)
    slug = await office.life.admin.fetchval(
        "select slug from registry.tenant where tenant_id = $1", office.tenant_id
    )
    answer = await office.act("reset_state", product="ai_console", confirm=slug)
    assert (answer.json()["state"], answer.json()["is_destructive"]) == ("done", True)


async def test_pages_go_back_in_time(office: Office) -> None:
    ids = [(await office.act()).json()["action_id"] for _ in range(5)]
    found, path = [], f"{office.path()}?page_size=2"
    while path:
        answer = await office.http.get(path, headers=office.admin)
        found += [one["action_id"] for one in answer.json()["actions"]]
        path = answer.links.get("next", {}).get("url", "")
    assert found == ids[::-1]


async def test_an_action_that_nobody_concluded_is_given_up_once_and_may_become_known(office: Office) -> None:
    patient(office.client)
    await office.town.behave(office.running, "slow", 2.0)
    acting = asyncio.create_task(office.act())
    await eventually(lambda: office.running.rows(DONE_BY_PRODUCT) == [(1,)], what="the product is at it")
    sweepers = [ForgottenActions(office.life.database, office.life.clock, after=60) for _ in range(3)]
    assert [await one.run_due() for one in sweepers] == [0, 0, 0]
    office.life.clock.advance(timedelta(seconds=61))
    assert sorted(await asyncio.gather(*(one.run_due() for one in sweepers))) == [0, 0, 1]
    assert [one["state"] for one in await office.asked()] == ["unknown"]
    assert (await acting).json()["state"] == "done", "the answer came after all"
    assert await office.said() == [("requested", ""), ("completed", "unknown"), ("completed", "done")]


async def test_an_action_whose_end_cannot_be_written_is_put_off_and_later_ones_are_given_up(
    office: Office,
) -> None:
    poison, *others = [(await office.act()).json()["action_id"] for _ in range(4)]
    await office.life.admin.execute(NOT_CONCLUDED)
    await office.life.admin.execute(REFUSES.format(poison))
    sweeper = ForgottenActions(office.life.database, office.life.clock, after=60, batch=2)
    office.life.clock.advance(timedelta(seconds=61))
    while await sweeper.run_due():
        pass
    states = {one["action_id"]: one["state"] for one in await office.asked()}
    assert states == {poison: "requested"} | dict.fromkeys(others, "unknown")
    row = await office.life.admin.fetchrow(
        "select attempts, last_error from registry.product_action where action_id = $1", poison
    )
    assert row is not None
    assert (row["attempts"], "not this one" in row["last_error"]) == (1, True)
    await office.life.admin.execute("drop trigger refuses on registry.product_action")
    office.life.clock.advance(timedelta(seconds=2))
    assert await sweeper.run_due() == 1
    assert {one["state"] for one in await office.asked()} == {"unknown"}


@pytest.mark.long
async def test_a_registry_that_is_killed_in_the_middle_leaves_unknown_and_no_second_call(
    whole_town: Town, life: Life, tenant_id: UUID, admin: asyncpg.Connection
) -> None:
    town = whole_town
    url, process = await town.start_registry("one", PRODUCT_SECONDS="10")
    running = await town.start_product("notetaker")
    await town.connect(url, running)
    await eventually(
        lambda: running.rows("select count(*) from statement") == [(1,)], 30, "its probe is over"
    )
    await town.behave(running, "slow", 8)
    headers = town.signed("PLATFORM_ADMIN", sub="me")

    async def act(url: str) -> httpx.Response:
        path = f"{url}/v1/tenants/{tenant_id}/products/notetaker/actions/flush_queue"
        return await town.http.post(path, json={}, headers=headers)

    acting = asyncio.create_task(act(url))
    await eventually(
        lambda: running.rows("select count(*) from action where tenant_id = ?", str(tenant_id)) == [(1,)],
        what="the product is at it",
    )
    process.signal(signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        await acting
    assert await admin.fetchval("select state from registry.product_action") == "requested"
    other, _ = await town.start_registry("other", ACTION_UNKNOWN_SECONDS="1")

    async def is_unknown() -> bool:
        return bool(await admin.fetchval("select state from registry.product_action") == "unknown")

    await eventually(is_unknown, what="unknown")
    again = await act(other)
    assert (again.status_code, again.json()["state"]) == (200, "unknown")
    verbs = [verb for verb in await life.verbs(tenant_id) if verb.startswith("product_action")]
    assert verbs == ["product_action.requested", "product_action.completed"]
    assert queue_of(running, tenant_id) == 0
    assert running.rows("select count(*) from action where tenant_id = ?", str(tenant_id)) == [(1,)]
