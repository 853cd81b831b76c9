"""FEED is lost with its server and made anew while a process runs: it begins a new epoch and serves on."""

import json
from pathlib import Path

import httpx

from chassis.db import Database
from contracts.subjects import FEED
from tests.infra import Databases, TestNats, eventually
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import connected
from tests.integration.bff.stage import BASE, LARGE, Bff, Stage
from tests.integration.bff.test_polling import poll


async def is_open(http: httpx.AsyncClient, desk: Desk, bff: Bff, was: str) -> bool:
    answer = await desk.send(http, "GET", f"{bff.api}{BASE}/bootstrap")
    return answer.is_success and not str(json.loads(answer.text)["cursor"]).startswith(was)


async def test_a_process_follows_a_feed_that_was_rebuilt_and_its_clients_are_reset(
    databases: Databases, tmp_path: Path, http: httpx.AsyncClient, stage: Stage
) -> None:
    nats = await TestNats.start_new(tmp_path / "nats")
    own = Stage(nats, databases.dsns("bff"), stage.issuer, tmp_path, stage.registry_url, stage.registry_dsns)
    try:
        await own.say_settings()
        database: Database = await databases.open("bff")
        bff = await own.start_bff("alone", stage.registry_url, LARGE)
        desk = await Desk(stage.issuer).enrol(database)
        async with connected(http, desk, bff) as line:
            epoch = (await line.opened()).hello["epoch"]
            await say(database, desk.tenant_id, ["all"] * 5)
            await line.got(5)
            nats.kill()
            nats.wipe()
            await nats.start()
            await nats.provision()
            await line.ended(30)
            assert line.said("bye") == [{"reason": "epoch_changed"}]
        await eventually(lambda: is_open(http, desk, bff, epoch), 30, "the new feed")
        async with connected(http, desk, bff, line.cursor) as again:
            await again.opened()
            assert again.said("reset")[0]["reason"] == "epoch_changed"
            said = await say(database, desk.tenant_id, ["all"])
            await eventually(lambda: said[0] in ids(again.events), 30, "the event after the loss")
    finally:
        own.end()
        await nats.server.stop()


async def test_a_process_that_has_not_read_the_feed_yet_resets_nobody(
    databases: Databases, tmp_path: Path, http: httpx.AsyncClient, stage: Stage
) -> None:
    """It knows no epoch: whoever asked it with a good cursor would throw away all that it has."""
    nats = await TestNats.start_new(tmp_path / "nats")
    own = Stage(nats, databases.dsns("bff"), stage.issuer, tmp_path, stage.registry_url, stage.registry_dsns)
    try:
        await own.say_settings()
        await (await nats.bus("ops")).js.delete_stream(FEED)
        bff = await own.start_bff("early", stage.registry_url, LARGE)
        desk = await Desk(stage.issuer).enrol(await databases.open("bff"))
        answer = await poll(http, desk, bff, "18c0ffee-7")
        assert (answer.status_code, answer.json()["code"]) == (503, "CHASSIS.UNAVAILABLE")
        async with connected(http, desk, bff, "18c0ffee-7") as line:
            await line.ended()
            assert line.status == 503
    finally:
        own.end()
        await nats.close()
