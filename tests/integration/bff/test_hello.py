"""The opening of a stream: what `hello` says, and the number of every audience as of the cursor, before anything else."""

import time
from datetime import UTC, datetime, timedelta

import httpx

from chassis.db import Database
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import connected
from tests.integration.bff.stage import Bff


def audiences(desk: Desk) -> dict[str, int]:
    """Those of a desk at the harbour's front desk, of which nothing was ever said."""
    names = ["all", "p.harbour", f"o.{desk.member_id}", f"d.{desk.device_id}", "r.front__desk"]
    return dict.fromkeys(names, 0)


async def test_a_stream_opens_with_everything_that_a_client_needs_to_come_back(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large) as line:
        await line.opened()
    assert line.head.startswith(b"HTTP/1.1 200 OK\r\n")
    for header in (b"Content-Type: text/event-stream; charset=utf-8", b"Cache-Control: no-store"):
        assert header in line.head
    assert line.head.count(b"DPoP-Nonce: ") == 1
    hello = line.hello
    assert set(hello) == {"conn", "generation", "epoch", "head", "exp", "hb", "limits", "last"}
    assert line.cursor == f"{hello['epoch']}-{hello['head']}"
    assert (hello["hb"], hello["limits"]) == (0.5, {"frame": 65_536, "unsent": 262_144})
    assert 0 < hello["exp"] - time.time() <= 900
    assert hello["last"] == audiences(desk)
    assert any(event.retry for event in line.control)


async def test_hello_names_the_tail_of_every_audience_as_of_the_cursor(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    """The same from a ring and from FEED itself, at each place where a client may stand."""
    desk = await new_desk()
    async with connected(http, desk, large) as line:
        start = (await line.opened()).cursor
        said = ["all", "p.harbour", "all", "r.front__desk", "p.airport", "all", "p.harbour"]
        await say(bff_data, desk.tenant_id, said)
        await line.got(6)
    places = [start, *line.ids]
    heard = [name for name in said if name != "p.airport"]
    async with connected(http, await new_desk(), small) as other:
        await other.opened()
        await fill_ring(bff_data, small, http, desk)
    for bff in (large, small):
        for count, cursor in enumerate(places):
            async with connected(http, desk, bff, cursor) as line:
                await line.opened()
                expected = {name: heard[:count].count(name) for name in audiences(desk)}
                assert line.hello["last"] == expected
                found = [event["audience"] for event in await line.got(len(heard) - count)]
                assert found[: len(heard) - count] == heard[count:]


async def fill_ring(database: Database, bff: Bff, http: httpx.AsyncClient, desk: Desk) -> None:
    """Until the ring of a small process no longer holds what was said before."""
    async with connected(http, desk, bff) as line:
        await line.opened()
        said = await say(database, desk.tenant_id, [f"d.{desk.device_id}"] * 8, 1000)
        await line.got(8)
    assert ids(line.events) == said


async def test_an_audience_whose_past_has_expired_in_the_stream_still_has_its_number(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    insert = "insert into feed_tail (tenant_id, audience, n, changed_at) values ($1, 'p.harbour', 41, $2)"
    async with bff_data.transaction(desk.tenant_id) as tx:
        await tx.execute(insert, desk.tenant_id, datetime.now(UTC) - timedelta(days=4))
    async with connected(http, desk, large) as line:
        await line.opened()
        assert line.hello["last"] == audiences(desk) | {"p.harbour": 41}
        await say(bff_data, desk.tenant_id, ["p.harbour"])
        [event] = await line.got(1)
    assert (event["prev"], event["seq"]) == (41, 42)


async def test_an_audience_whose_last_event_is_on_its_way_is_left_out(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    """Counted too early it would be taken for a repetition when it comes."""
    desk = await new_desk()
    async with bff_data.transaction(desk.tenant_id) as tx:
        await tx.execute(
            "insert into feed_tail (tenant_id, audience, n) values ($1, 'p.harbour', 1)", desk.tenant_id
        )
    async with connected(http, desk, large) as line:
        await line.opened()
    assert "p.harbour" not in line.hello["last"]
