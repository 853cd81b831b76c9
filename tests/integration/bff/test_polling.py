"""The feed by asking: what a stream would have given, from wherever one stands, and no more."""

import asyncio
from typing import Any

import httpx
import pytest

from chassis.db import Database
from contracts.registry import MemberScopeChangedV1
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import connected
from tests.integration.bff.stage import BASE, Bff, Stage
from tests.integration.bff.test_kill_switch import switch
from tests.integration.bff.test_rights_that_end import hear
from tests.integration.bff.test_sessions import opened_id


async def poll(
    http: httpx.AsyncClient, desk: Desk, bff: Bff, cursor: str = "", *, wait: int = 0, limit: int = 500
) -> httpx.Response:
    """The proof names the address without its query (RFC 9449 §4.2)."""
    url = f"{bff.api}{BASE}/events"
    headers = await desk.headers(http, "GET", url)
    asked: dict[str, str | int] = {"cursor": cursor, "wait": wait, "limit": limit}
    return await http.get(url, headers=headers, params=asked, timeout=40)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [event["data"] for event in answer.json()["events"]]


async def test_a_quiet_poll_says_nothing_but_where_to_go_on(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    quiet = await poll(http, desk, large)
    assert (quiet.status_code, quiet.content) == (204, b"")
    assert quiet.headers["dpop-nonce"]
    said = await say(bff_data, desk.tenant_id, ["all", "p.elsewhere", "p.harbour"])
    answer = await poll(http, desk, large, quiet.headers["feed-next"], wait=20)
    assert answer.status_code == 200
    told = answer.json()
    assert ids(events(answer)) == [said[0], said[2]][: len(told["events"])]
    assert told["cursor"] == answer.headers["feed-next"]
    assert (told["last"]["all"], told["control"]) == (0, [])
    await eventually(lambda: done(http, desk, large, told["cursor"]), what="the end")


async def done(http: httpx.AsyncClient, desk: Desk, bff: Bff, cursor: str) -> bool:
    answer = await poll(http, desk, bff, cursor)
    return answer.status_code == 204 or len(answer.json()["events"]) > 0


async def test_a_poll_that_waits_is_woken_by_what_is_said_to_it_and_by_nothing_else(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk, other = await new_desk(), await new_desk()
    start = (await poll(http, desk, large)).headers["feed-next"]
    waiting = asyncio.create_task(poll(http, desk, large, start, wait=25))
    async with connected(http, other, large) as line:
        await line.opened()
        await say(bff_data, other.tenant_id, ["all"])
        await say(bff_data, desk.tenant_id, ["p.elsewhere"])
        await line.got(1)
    assert not waiting.done()
    said = await say(bff_data, desk.tenant_id, ["p.harbour"])
    assert ids(events(await waiting)) == said


@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_pages_from_a_ring_and_from_the_feed_are_the_same_as_the_stream(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database, limit: int
) -> None:
    desk = await new_desk()
    start = (await poll(http, desk, large)).headers["feed-next"]
    said = await say(bff_data, desk.tenant_id, ["all", "p.harbour", "p.airport", "all", "r.front__desk"] * 3)
    said += await say(bff_data, desk.tenant_id, [f"d.{desk.device_id}"] * 8, 1000)
    for bff in (small, large):  # the small one has forgotten the first ones by then
        async with connected(http, desk, bff, start) as line:
            heard = ids(await line.got(20))
    assert heard == [id_ for place, id_ in enumerate(said) if place not in {2, 7, 12}]
    for bff in (small, large):
        got, cursor = list[str](), start
        while len(got) < len(heard):
            answer = await poll(http, desk, bff, cursor, limit=limit)
            assert len(events(answer)) <= limit
            assert answer.json()["more"] or len(got) + len(events(answer)) == len(heard)
            got += ids(events(answer))
            cursor = answer.headers["feed-next"]
        assert got == heard
        assert (await poll(http, desk, bff, cursor)).status_code == 204


@pytest.mark.parametrize(
    ("cursor", "reason"), [("garbage", "cursor_unreadable"), ("18c0ffee-7", "epoch_changed")]
)
async def test_a_cursor_from_which_nothing_leads_on_is_answered_with_a_reset(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, cursor: str, reason: str
) -> None:
    desk = await new_desk()
    told = (await poll(http, desk, large, cursor, wait=20)).json()
    assert told["control"] == [
        {"event": "reset", "data": {"reason": reason, "snapshot": f"{BASE}/bootstrap"}}
    ]
    assert told["events"] == []
    assert (await poll(http, desk, large, told["cursor"])).status_code == 204


async def test_who_is_ahead_of_this_process_is_sent_elsewhere(
    small: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    epoch, _, number = (await poll(http, desk, small)).headers["feed-next"].rpartition("-")
    answer = await poll(http, desk, small, f"{epoch}-{int(number) + 1_000_000}")
    assert (answer.status_code, answer.json()["code"]) == (503, "CHASSIS.UNAVAILABLE")


async def test_a_poll_that_waits_while_its_rights_change_is_told_so_and_gets_nothing_by_the_old_ones(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk(properties=("airport", "harbour"))
    start = (await poll(http, desk, large)).headers["feed-next"]
    waiting = asyncio.create_task(poll(http, desk, large, start, wait=25))
    await eventually(lambda: is_waiting(waiting), what="the poll to wait")
    moved = MemberScopeChangedV1(
        tenant_id=desk.tenant_id,
        member_id=desk.member_id,
        backoffice_roles=desk.roles,
        properties=("harbour",),
    )
    await hear(bff_data, moved)
    said = await say(bff_data, desk.tenant_id, ["p.airport", "p.harbour"])
    answer = await waiting
    assert [word["event"] for word in answer.json()["control"]] == ["resync"]
    assert said[0] not in ids(events(answer))
    got, cursor = ids(events(answer)), answer.headers["feed-next"]
    while said[1] not in got:
        answer = await poll(http, desk, large, cursor, wait=20)
        got, cursor = got + ids(events(answer)), answer.headers["feed-next"]
    assert said[0] not in got


async def test_a_poll_in_a_desk_session_ends_with_it(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    url = f"{large.api}{BASE}/events?session={session}"
    assert (await desk.send(http, "GET", url)).status_code == 204
    await desk.send(http, "DELETE", f"{large.api}{BASE}/sessions/{session}")
    answer = await desk.send(http, "GET", url)
    assert (answer.status_code, answer.json()["code"]) == (410, "BFF.SESSION_ENDED")


async def test_a_poll_that_waits_while_its_tenant_is_switched_off_is_told_so(
    large: Bff, http: httpx.AsyncClient, desk: Desk, stage: Stage, registry: Database
) -> None:
    start = (await poll(http, desk, large)).headers["feed-next"]
    waiting = asyncio.create_task(poll(http, desk, large, start, wait=25))
    await eventually(lambda: is_waiting(waiting), what="the poll to wait")
    await switch(stage, registry, desk, on=False)
    answer = await asyncio.wait_for(waiting, 10)
    assert [word["event"] for word in answer.json()["control"]] == ["tenant.disabled"]
    assert answer.json()["events"] == []
    await switch(stage, registry, desk, on=None)


async def is_waiting(task: asyncio.Task[httpx.Response]) -> bool:
    await asyncio.sleep(
        0.3
    )  # no sign tells from outside that a request waits; too early makes the test easier, not wrong
    return not task.done()


async def test_more_who_wait_than_may_are_sent_away_at_once(
    http: httpx.AsyncClient, new_desk: NewDesk, stage: Stage
) -> None:
    narrow = await stage.start_bff("few-polls", stage.registry_url, {"MAX_POLLS": "1"})
    desks = [await new_desk() for _ in range(3)]
    answers = await asyncio.gather(*(poll(http, desk, narrow, wait=5) for desk in desks))
    assert sorted(answer.status_code for answer in answers) == [204, 503, 503]
    assert (await poll(http, desks[0], narrow, wait=1)).status_code == 204
