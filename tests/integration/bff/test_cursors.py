"""Where a stream goes on: behind the cursor, or after a reset that says why and where to get a snapshot."""

import signal
from pathlib import Path

import httpx
import pytest

from chassis.db import Database
from chassis.ids import uuid7
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import connected, request_head
from tests.integration.bff.stage import BASE, LARGE, STREAM, Bff, Stage

SNAPSHOT = f"{BASE}/bootstrap"


@pytest.mark.parametrize("cursor", ["garbage", "-", "-5", "é-1", "k-1x", f"k-{'9' * 40}", "1" * 2000])
async def test_a_cursor_that_is_none_is_answered_with_a_reset(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, cursor: str
) -> None:
    async with connected(http, await new_desk(), large, cursor) as line:
        await line.opened()
    assert line.status == 200
    assert line.said("reset") == [{"reason": "cursor_unreadable", "snapshot": SNAPSHOT}]
    assert line.cursor == f"{line.hello['epoch']}-{line.hello['head']}"


async def test_a_cursor_of_a_lost_epoch_is_answered_with_a_reset_and_the_stream_goes_on_live(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large, "18c0ffee-3") as line:
        await line.opened()
        names = [event.event for event in line.control if event.data]
        assert names[:2] == ["reset", "hello"]
        assert line.said("reset") == [{"reason": "epoch_changed", "snapshot": SNAPSHOT}]
        said = await say(bff_data, desk.tenant_id, ["all"])
        assert ids(await line.got(1)) == said


async def test_a_client_without_a_cursor_gets_what_is_said_from_now_on(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large) as line:
        await line.opened()
        await say(bff_data, desk.tenant_id, ["all"])
        await line.got(1)
    async with connected(http, desk, large) as line:
        await line.opened()
        said = await say(bff_data, desk.tenant_id, ["all"])
        assert ids(await line.got(1)) == said
        assert line.said("reset") == []


async def test_a_heartbeat_moves_a_quiet_client_forward(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk, other = await new_desk(), await new_desk()
    async with connected(http, desk, large) as line:
        first = (await line.opened()).cursor
        await say(bff_data, other.tenant_id, ["all"] * 3)
        await eventually(lambda: position(line.cursor) >= position(first) + 3, what="a beat further on")
        assert line.said("hb")[-1]["head"] == position(line.cursor)
        assert line.events == []


async def test_a_client_ahead_of_this_process_is_sent_elsewhere(
    small: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    async with connected(http, desk, small) as line:
        ahead = position((await line.opened()).cursor) + 1_000_000
        epoch = line.hello["epoch"]
    headers = await desk.headers(http, "GET", f"{small.stream}{STREAM}")
    answer = await http.get(
        f"{small.stream}{STREAM}", headers=headers | {"Last-Event-ID": f"{epoch}-{ahead}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "CHASSIS.UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0


async def test_the_cursor_may_come_in_the_address(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    """A browser's EventSource cannot set a header on its first connection."""
    desk = await new_desk()
    async with connected(http, desk, large) as line:
        start = (await line.opened()).cursor
        said = await say(bff_data, desk.tenant_id, ["all", "p.harbour"])
        await line.got(2)
    head = await request_head(http, desk, large, None, f"?cursor={start}")
    async with connected(http, desk, large, head=head) as line:
        assert ids(await line.got(2)) == said


async def test_bootstrap_names_the_cursor_from_which_nothing_is_missed(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    shown = (await desk.send(http, "GET", f"{large.api}{SNAPSHOT}")).json()
    said = await say(bff_data, desk.tenant_id, ["all", "p.harbour", f"o.{desk.member_id}"])
    async with connected(http, desk, large, shown["cursor"]) as line:
        assert ids(await line.got(3)) == said
        assert line.said("reset") == []


async def test_a_second_stream_of_a_device_ends_the_first_with_a_word(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large) as first:
        await first.opened()
        async with connected(http, desk, large) as second:
            await second.opened()
            await first.ended()
            assert first.said("bye") == [{"reason": "replaced", "generation": first.hello["generation"]}]
            assert not second.is_over


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_the_clients_of_a_process_that_ends_go_on_elsewhere(
    large: Bff,
    stage: Stage,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    number: signal.Signals,
) -> None:
    """One that is stopped tells them when to come back; one that is killed just breaks off. Nothing is missed."""
    leaving = await stage.start_bff(f"leaving-{uuid7()}", stage.registry_url, LARGE)
    desk = await new_desk()
    async with connected(http, desk, leaving) as line:
        await line.opened()
        said = await say(bff_data, desk.tenant_id, ["all", "p.harbour"])
        await line.got(2)
        leaving.process.signal(number)
        await line.ended()
        if number is signal.SIGTERM:
            assert line.said("bye") == [{"reason": "drain"}]
            assert line.retries[-1] <= 20_000
    assert await leaving.process.ended() == (0 if number is signal.SIGTERM else -signal.SIGKILL)
    said += await say(bff_data, desk.tenant_id, ["p.harbour", "all"])
    async with connected(http, desk, large, line.cursor) as again:
        await again.got(2)
        assert ids([*line.events, *again.events]) == said


def position(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])


async def test_nothing_broke_in_any_process(large: Bff, small: Bff, logs: Path) -> None:
    """Runs after the tests above: no request of theirs met the last resort."""
    for log in logs.glob("*.log"):
        assert b"stream.failed" not in log.read_bytes(), log
