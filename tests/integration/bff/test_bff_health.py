"""What a process of the bff tells of its streams and of the feed: numbers, and nobody's name."""

from typing import Any

import httpx

from chassis.db import Database
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.feed import say
from tests.integration.bff.line import connected
from tests.integration.bff.stage import Bff


async def test_health_counts_streams_and_cold_replays_and_says_how_far_the_feed_is_read(
    small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()

    async def parts() -> dict[str, Any]:
        answer = await http.get(f"{small.api}/readyz")
        assert str(desk.tenant_id) not in answer.text
        told: dict[str, Any] = answer.json()["parts"]
        return told

    before = (await parts())["streams"]
    async with connected(http, desk, small) as line:
        await line.opened()
        assert (await parts())["streams"]["open"] == before["open"] + 1
        await say(bff_data, desk.tenant_id, ["all"] * 20, 1_000)
        await line.got(20)
    cursor = line.ids[0]
    async with connected(http, desk, small, cursor) as again:
        await again.got(19)
    told = await parts()
    counted, earlier = told["streams"]["since_start"], before["since_start"]
    assert counted["cold_replays"] > earlier["cold_replays"]
    assert counted["delivered"] >= earlier["delivered"] + 20
    assert {"parked", "dropped", "replaced"} < set(counted)
    assert told["feed-reader"] | {"last_delay_seconds": 0} == {
        "reading": True,
        "head": int(line.ids[-1].rpartition("-")[2]),
        "pending": 0,
        "last_delay_seconds": 0,
    }
    assert 0 <= told["feed-reader"]["last_delay_seconds"] < 60
    assert told["settings"]["live"] is True
    assert told["settings"]["age_seconds"] >= 0

    async def is_closed() -> bool:
        return bool((await parts())["streams"]["open"] == before["open"])

    await eventually(is_closed, what="the end of the stream")
