"""Lock actions over the whole way: who may ask for what, and what becomes of it."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.db import Database
from chassis.ids import uuid7
from tests.infra import Databases, TestPostgres, eventually
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, Bff
from tests.integration.locks.conftest import NewDesk
from tests.integration.locks.town import Town, ask, asked
from tests.integration.registry.switching import set_flag

pytestmark = pytest.mark.xdist_group("locks")

PASSWORD_ONLY = {"claims": {"acr": "pwd", "auth_time": 0}}


async def test_an_action_is_proven_sent_and_told(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    answer = await ask(http, well, desk)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["state"], told["lock_id"], told["action"]) == ("pending", "room-1", "unlock")
    row = await town.check(UUID(told["action_id"]))
    assert row["state"] == "success"
    shown = await desk.send(http, "GET", f"{well.api}{answer.headers['location']}")
    assert (shown.json()["state"], shown.json()["leaf_index"]) == ("success", row["leaf_index"])
    [line] = await town.lines(UUID(told["action_id"]))
    assert (line["site"], line["property"]) == (str(desk.tenant_id), "harbour")


async def test_the_desk_is_told_on_its_stream(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    begun = await desk.send(http, "GET", f"{well.api}{BASE}/bootstrap")
    cursor = begun.json()["cursor"]
    action_id = await asked(http, well, desk)
    told: list[str] = []

    async def is_told() -> bool:
        news = await desk.send(http, "GET", f"{well.api}{BASE}/events?cursor={cursor}&wait=1")
        found = news.json()["events"] if news.status_code == 200 else []
        said = [event["data"] for event in found]
        told[:] = [one["body"]["action_id"] for one in said if "lock_action" in one["type"]]
        return bool(told)

    await eventually(is_told, 30, "the outcome on the feed")
    assert told == [str(action_id)]


@pytest.mark.parametrize(
    ("about", "action", "status", "code"),
    [
        ({"roles": ("housekeeping",)}, "unlock", 403, "BFF.ROLE_NEEDED"),
        ({"roles": ("maintenance",)}, "block", 403, "BFF.ROLE_NEEDED"),
        ({"roles": ("housekeeping",)}, "lock", 202, None),
        (PASSWORD_ONLY, "unlock", 401, "CHASSIS.INSUFFICIENT_AUTHENTICATION"),
        (PASSWORD_ONLY, "lock", 202, None),
        ({}, "explode", 422, "CHASSIS.INVALID"),
    ],
)
async def test_who_may_ask_for_what(
    well: Bff,
    new_desk: NewDesk,
    http: httpx.AsyncClient,
    about: dict[str, Any],
    action: str,
    status: int,
    code: str | None,
) -> None:
    """Role by action, a fresh second factor from the tenant's threshold (2) on."""
    answer = await ask(http, well, await new_desk(**about), action=action)
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    if status == 401:
        assert "insufficient_user_authentication" in answer.headers["www-authenticate"]


async def test_only_a_property_of_the_own_scope(well: Bff, desk: Desk, http: httpx.AsyncClient) -> None:
    answer = await desk.send(
        http,
        "POST",
        f"{well.api}{BASE}/locks/room-1/actions",
        {"action": "unlock", "property": "castle"},
        [("Idempotency-Key", str(uuid7()))],
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "BFF.PROPERTY_OUT_OF_SCOPE")


async def test_one_key_is_one_action_and_one_command(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    key = [("Idempotency-Key", str(uuid7()))]
    url, body = f"{well.api}{BASE}/locks/room-1/actions", {"action": "unlock", "property": "harbour"}
    first, again = [await desk.send(http, "POST", url, body, key) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    await town.check(UUID(first.json()["action_id"]))
    assert len(await town.actions_of(desk)) == 1


async def test_actions_of_others_are_not_there(
    town: Town, well: Bff, desk: Desk, new_desk: NewDesk, http: httpx.AsyncClient
) -> None:
    action_id = await asked(http, well, desk)
    elsewhere = await new_desk(tenant_id=desk.tenant_id, properties=("hill",))
    for stranger in (elsewhere, await new_desk()):
        answer = await stranger.send(http, "GET", f"{well.api}{BASE}/lock-actions/{action_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "BFF.LOCK_ACTION_NOT_FOUND")
    colleague = await new_desk(tenant_id=desk.tenant_id)
    answer = await colleague.send(http, "GET", f"{well.api}{BASE}/lock-actions/{action_id}")
    assert answer.status_code == 200
    await town.check(action_id)


async def test_without_a_vendor_nothing_is_asked_for(town: Town, desk: Desk, http: httpx.AsyncClient) -> None:
    bare = await town.start_bff(LOCK_VENDOR_URL="")
    answer = await ask(http, bare, desk)
    assert (answer.status_code, answer.json()["code"]) == (409, "BFF.LOCKS_NOT_CONNECTED")
    assert await town.actions_of(desk) == []
    bare.process.end()


async def test_the_flag_of_operators_halts_too(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient, postgres: TestPostgres, town_database: str
) -> None:
    databases = Databases(postgres, town_database)
    registry: Database = await databases.open("registry")

    async def is_answered(status: int) -> bool:
        await town.stage.say_settings()
        answer = await ask(http, well, desk)
        if status == 503 and answer.status_code == 503:
            assert answer.json()["code"] == "BFF.LOCKS_HALTED"
            assert int(answer.headers["retry-after"]) > 0
        return answer.status_code == status

    await set_flag(registry, "lock_proxy_halted", True)
    await eventually(lambda: is_answered(503), 30, "the halt")
    await set_flag(registry, "lock_proxy_halted", None)
    await eventually(lambda: is_answered(202), 30, "the end of the halt")
    for told in await town.actions_of(desk):  # no later test's fault meets one of these
        await town.until_ended(told["action_id"])
    await databases.close()


@pytest.mark.timeout(120)
@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "state", "code"),
    [
        ("slow", "success", None),
        ("away", "error", "BFF.LOCK_VENDOR_UNREACHABLE"),
        ("refuse", "error", "BFF.LOCK_VENDOR_REFUSED"),
        ("break", "error", "BFF.LOCK_NEVER_ARRIVED"),
        ("hang", "error", "BFF.LOCK_NEVER_ARRIVED"),
        ("break_after", "success", None),
        ("hang_after", "success", None),
    ],
)
async def test_what_the_vendor_does_is_found_out_by_key_and_nothing_is_sent_twice(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient, how: str, state: str, code: str | None
) -> None:
    await town.misbehave(how, times=1)
    action_id = await asked(http, well, desk)
    row = await town.check(action_id)
    assert (row["state"], row["code"]) == (state, code)
    assert await town.arrivals(action_id) == 1


@pytest.mark.timeout(120)
async def test_a_vendor_that_is_gone_is_asked_until_it_is_back(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    """It did what it was told and died before it said so."""
    await town.misbehave("hang_after", times=1)
    action_id = await asked(http, well, desk)

    async def is_done() -> bool:
        return len(await town.lines(action_id)) == 1

    await eventually(is_done, 30, "the execution")
    assert town.vendor is not None
    town.vendor.end()

    async def is_unknown() -> bool:
        return bool((await town.action(action_id))["state"] == "unknown")

    await eventually(is_unknown, 30, "the doubt")
    await town.start_vendor()
    assert (await town.check(action_id))["state"] == "success"
