"""The kill switch, features and floors as desktops meet them at a running bff."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import httpx

from chassis.db import Database
from tests.infra import Databases, TestNats, eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, LARGE, STREAM, Bff, Stage
from tests.integration.bff.test_sessions import BEAT, open_session
from tests.integration.registry.switching import set_flag, set_floor

SWITCH = "bff_backoffice_enabled"


async def switch(stage: Stage, registry: Database, desk: Desk, *, on: bool | None) -> None:
    await set_flag(registry, SWITCH, on, desk.tenant_id)
    await stage.say_settings()


async def test_a_switched_off_tenant_is_refused_with_a_time_to_come_back_and_comes_in_again_without_a_restart(
    large: Bff, http: httpx.AsyncClient, desk: Desk, new_desk: NewDesk, stage: Stage, registry: Database
) -> None:
    beside = await new_desk()
    bootstrap = f"{large.api}{BASE}/bootstrap"

    async def status() -> int:
        return (await desk.send(http, "GET", bootstrap)).status_code

    assert await status() == 200
    await switch(stage, registry, desk, on=False)

    async def is_refused() -> bool:
        return await status() == 503

    await eventually(is_refused, limit=2)
    for url in (bootstrap, f"{large.stream}{STREAM}"):
        answer = await desk.send(http, "GET", url)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (503, "BFF.BACKOFFICE_DISABLED")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "30"
        assert answer.headers["dpop-nonce"]
    assert (await beside.send(http, "GET", bootstrap)).status_code == 200
    await switch(stage, registry, desk, on=None)

    async def is_in() -> bool:
        return await status() == 200

    await eventually(is_in, limit=2)


async def test_an_open_stream_is_told_that_its_tenant_is_switched_off_and_ends(
    large: Bff, http: httpx.AsyncClient, desk: Desk, stage: Stage, registry: Database
) -> None:
    url = f"{large.stream}{STREAM}"
    headers = await desk.headers(http, "GET", url)
    seen: list[str] = []
    async with http.stream("GET", url, headers=headers) as answer:
        async with asyncio.timeout(20):
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    seen.append(line.removeprefix("event: "))
                if seen[-1:] == ["hello"] and line == "":
                    await switch(stage, registry, desk, on=False)
    assert [event for event in seen if event != "hb"] == ["hello", "tenant.disabled", "bye"]
    await switch(stage, registry, desk, on=None)


async def test_a_session_and_its_heartbeats_tell_features_floors_and_a_revision_that_grows(
    large: Bff, small: Bff, http: httpx.AsyncClient, desk: Desk, stage: Stage, registry: Database
) -> None:
    session = (await open_session(large, http, desk)).json()
    assert (session["features"], session["floors"]) == ([], {})
    await set_flag(registry, "ai_assist_enabled", value=True, tenant_id=desk.tenant_id)
    await set_floor(registry, "windows", desk.tenant_id)
    await stage.say_settings()
    url = f"{BASE}/sessions/{session['session_id']}/heartbeat"

    async def beat(bff: Bff) -> dict[str, Any]:
        told: dict[str, Any] = (await desk.send(http, "POST", f"{bff.api}{url}", BEAT)).json()
        return told

    for bff in (large, small):

        async def is_told(bff: Bff = bff) -> bool:
            return bool((await beat(bff))["features"] == ["ai_assist_enabled"])

        await eventually(is_told, limit=2)
    told = await beat(large)
    assert told["floors"]["windows/stable"]["enforce"] == "4.0.0"
    assert told["flags_rev"] > session["flags_rev"]
    again = (await open_session(small, http, desk, uuid.uuid4().hex)).json()
    assert {name: again[name] for name in ("features", "floors", "flags_rev")} == {
        name: told[name] for name in ("features", "floors", "flags_rev")
    }


async def test_health_tells_that_settings_are_heard_and_how_old_they_are(
    large: Bff, http: httpx.AsyncClient
) -> None:
    told = (await http.get(f"{large.api}/readyz")).json()
    assert told["dependencies"]["settings"]["up"] is True
    part = told["parts"]["settings"]
    assert (part["live"], part["age_seconds"] < 60) == (True, True)


async def test_without_the_bus_the_last_known_value_holds_and_health_tells_its_age(
    databases: Databases,
    tmp_path: Path,
    http: httpx.AsyncClient,
    desk: Desk,
    stage: Stage,
    registry: Database,
) -> None:
    nats = await TestNats.start_new(tmp_path / "nats")
    own = Stage(nats, databases.dsns("bff"), stage.issuer, tmp_path, stage.registry_url, stage.registry_dsns)
    try:
        await switch(own, registry, desk, on=False)
        database = await databases.open("bff")
        beside = await Desk(stage.issuer).enrol(database)
        await desk.enrol(database)
        bff = await own.start_bff("alone", stage.registry_url, LARGE)

        async def statuses() -> list[int]:
            url = f"{bff.api}{BASE}/bootstrap"
            return [(await one.send(http, "GET", url)).status_code for one in (desk, beside)]

        async def settings() -> dict[str, Any]:
            part: dict[str, Any] = (await http.get(f"{bff.api}/readyz")).json()["parts"]["settings"]
            return part

        assert await statuses() == [503, 200]
        nats.kill()

        async def is_blind() -> bool:
            return not (await settings())["live"]

        await eventually(is_blind, 5, "a process that says that it is blind")
        assert await statuses() == [503, 200]
        age = (await settings())["age_seconds"]

        async def is_older() -> bool:
            return bool((await settings())["age_seconds"] > age)

        await eventually(is_older, 5, "an age that grows")
    finally:
        await switch(stage, registry, desk, on=None)
        own.end()
        await nats.close()
