"""What open streams are told of the present: version floors, the end of a token, a newer stream on another process."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from chassis.bucket import Bucket
from chassis.db import Database
from contracts.settings import PREFIX, Setting, floor_key
from contracts.settings import STREAM as STREAM_OF_SETTINGS
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.line import Line, connected, request_head
from tests.integration.bff.stage import STREAM, Bff, Stage
from tests.integration.bff.test_sessions import open_session
from tests.integration.registry.switching import FLOOR, set_floor


async def test_a_floor_reaches_open_streams_and_is_told_to_those_that_open_later(
    large: Bff,
    small: Bff,
    http: httpx.AsyncClient,
    desk: Desk,
    new_desk: NewDesk,
    stage: Stage,
    registry: Database,
) -> None:
    """On every process."""
    old, older = desk, await new_desk(tenant_id=desk.tenant_id)
    for each, version in ((old, "4.1.0"), (older, "3.0.0")):
        await open_session(large, http, each, app_version=version, os="Windows 11")
    async with connected(http, old, large) as first, connected(http, older, small) as second:
        for line in (first, second):
            await line.opened()
        assert told(first) == told(second) == []
        await set_floor(registry, "windows", desk.tenant_id)
        await stage.say_settings()
        await eventually(lambda: bool(told(first)) and bool(told(second)), 5, "a word on their versions")
        assert (told(first), told(second)) == (["version.advisory"], ["version.blocked"])
        assert first.said("version.advisory")[0]["enforce"] == "4.0.0"
        assert not first.is_over
    async with connected(http, old, small) as again:
        await again.opened()
        await eventually(lambda: told(again) == ["version.advisory"], 5, "a word at the opening")


async def test_a_floor_that_comes_into_force_later_is_told_then_without_another_word_from_anybody(
    large: Bff, http: httpx.AsyncClient, desk: Desk, stage: Stage, registry: Database
) -> None:
    await open_session(large, http, desk, app_version="3.0.0", os="Windows 11")
    async with connected(http, desk, large) as line:
        await line.opened()
        soon = datetime.now(UTC) + timedelta(seconds=4)
        await set_floor(registry, "windows", desk.tenant_id, replace(FLOOR, effective_at=soon))
        await stage.say_settings()
        await eventually(lambda: told(line) == ["version.advisory"], 3, "a word of advice")
        await eventually(lambda: told(line)[-1] == "version.blocked", 20, "the floor in force")
    assert datetime.now(UTC) >= soon


async def test_a_malformed_floor_ends_nothing_is_seen_in_health_and_the_next_good_one_is_told(
    large: Bff, http: httpx.AsyncClient, desk: Desk, stage: Stage, registry: Database
) -> None:
    async def unreadable(count: int) -> bool:
        parts = (await http.get(f"{large.api}/readyz")).json()["parts"]
        return bool(parts["settings"]["unreadable"] == count)

    await open_session(large, http, desk, app_version="3.0.0", os="Windows 11")
    async with connected(http, desk, large) as line:
        await line.opened()
        key = floor_key("windows", "stable", desk.tenant_id)
        wrong = Setting(row_version=1, value={**(FLOOR.told() or {}), "block": ["latest"]})
        bus = await stage.nats.bus("registry")
        await Bucket(bus, STREAM_OF_SETTINGS, PREFIX).put(key, wrong.data(), 0)
        await bus.close()
        await eventually(lambda: unreadable(1), what="a count of what was not taken")
        assert told(line) == []
        await set_floor(registry, "windows", desk.tenant_id)
        await stage.say_settings()
        await eventually(lambda: told(line) == ["version.blocked"], 5, "the next good one")
        assert await unreadable(0)


def told(line: Line) -> list[str]:
    return [event.event for event in line.control if event.event.startswith("version.")]


async def test_a_token_that_ends_soon_ends_its_stream_with_a_warning_before(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    await desk.learn_nonce(http, large.stream)
    token = desk.token(seconds=32)
    proof = desk.proof("GET", f"{large.stream}{STREAM}", token)
    head = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\nAuthorization: DPoP {token}\r\nDPoP: {proof}\r\n\r\n"
    async with connected(http, desk, large, head=head.encode()) as line:
        await line.ended()
        assert line.said("session.expiring")[0]["exp"] == line.hello["exp"]
        assert line.said("bye") == [{"reason": "token"}]


async def test_a_stream_ends_when_its_device_opens_one_on_another_process(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large) as first:
        await first.opened()
        async with connected(http, desk, small) as second:
            await second.opened()
            await first.ended()
            assert first.said("bye") == [{"reason": "replaced", "generation": first.hello["generation"]}]
            assert second.hello["generation"] > first.hello["generation"]
            assert not second.is_over


async def test_who_is_one_too_many_is_told_so_with_a_time_and_the_others_stay(
    http: httpx.AsyncClient, new_desk: NewDesk, stage: Stage, large: Bff
) -> None:
    """Streams that are open, and attaches in a second; health is not counted."""
    narrow = await stage.start_bff("narrow", stage.registry_url, {"MAX_STREAMS": "2", "ATTACH_RATE": "3"})
    desks = [await new_desk() for _ in range(3)]
    heads = [await request_head(http, desk, narrow, None) for desk in desks]
    async with (
        connected(http, desks[0], narrow, head=heads[0]) as first,
        connected(http, desks[1], narrow, head=heads[1]) as second,
    ):
        await first.opened()
        await second.opened()
        async with connected(http, desks[2], narrow, head=heads[2]) as third:
            await third.ended()
            assert third.status == 503
            assert b"retry-after: " in third.head.lower()
        assert not first.is_over
        assert not second.is_over
    for _ in range(20):
        answer = await http.get(f"{narrow.stream}{STREAM}")
        if answer.status_code == 503:
            break
    assert answer.json()["code"] == "CHASSIS.UNAVAILABLE"
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert (await http.get(f"{narrow.stream}/livez")).status_code == 200
