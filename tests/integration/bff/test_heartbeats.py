"""Heartbeats: what is kept of them, what they cost, and who sees the devices behind them."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from chassis.db import Database
from contracts.registry import DeviceRevokedV1, MemberScopeChangedV1
from services.bff.sessions.store import queries
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, know
from tests.integration.bff.feed import say
from tests.integration.bff.stage import BASE, Bff
from tests.integration.bff.test_sessions import BEAT, open_session, opened_id

STATUS = f"{BASE}/devices/status"


async def beat(bff: Bff, http: httpx.AsyncClient, desk: Desk, session: str, **about: Any) -> dict[str, Any]:
    url = f"{bff.api}{BASE}/sessions/{session}/heartbeat"
    answer = await desk.send(http, "POST", url, {**BEAT, **about})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def kept(database: Database, desk: Desk) -> dict[str, Any]:
    """The device's row, with the transaction that wrote it."""
    async with database.reading(desk.tenant_id) as tx:
        row = await tx.fetchrow(
            "select *, xmin::text as written_by from device_sync_status where device_id = $1", desk.device_id
        )
    assert row is not None
    return dict(row)


async def turn_back(database: Database, desk: Desk, seconds: float) -> None:
    async with database.transaction(desk.tenant_id) as tx:
        await tx.execute(
            "update device_sync_status set last_seen_at = last_seen_at - $1::interval",
            timedelta(seconds=seconds),
        )


async def statuses(bff: Bff, http: httpx.AsyncClient, desk: Desk, query: str = "") -> dict[str, Any]:
    answer = await desk.send(http, "GET", f"{bff.api}{STATUS}{query}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def status_of(bff: Bff, http: httpx.AsyncClient, desk: Desk) -> dict[str, Any]:
    """The device's own line, as its own member sees it."""
    found = [
        one for one in (await statuses(bff, http, desk))["devices"] if one["device_id"] == str(desk.device_id)
    ]
    assert len(found) == 1
    return dict(found[0])


async def test_a_heartbeat_is_kept_and_tells_when_the_next_is_due(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    before = datetime.now(UTC)
    told = await beat(large, http, desk, session)
    assert 27 <= told["next_seconds"] <= 33
    row = await kept(bff_data, desk)
    assert {name: row[name] for name in ("app_version", "queue_depth", "clock_offset", "cursor")} == {
        name: BEAT[name] for name in ("app_version", "queue_depth", "clock_offset", "cursor")
    }
    assert (row["session_id"], row["member_id"]) == (uuid.UUID(session), desk.member_id)
    assert before <= row["last_seen_at"] <= datetime.now(UTC)
    assert row["last_seen_at"] - row["oldest_queued_at"] == timedelta(seconds=12.5)


async def test_intervals_are_spread(large: Bff, http: httpx.AsyncClient, new_desk: NewDesk) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    assert len({(await beat(large, http, desk, session))["next_seconds"] for _ in range(8)}) > 1


async def test_a_heartbeat_that_says_nothing_new_writes_nothing_until_half_an_interval_is_over(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    await beat(large, http, desk, session)
    first = await kept(bff_data, desk)
    for number in range(3):
        await beat(large, http, desk, session, cursor=f"k-{number}", clock_offset=number)
    assert await kept(bff_data, desk) == first
    await turn_back(bff_data, desk, 15)
    turned = await kept(bff_data, desk)
    await beat(large, http, desk, session, cursor="k-9")
    again = await kept(bff_data, desk)
    assert again["written_by"] != turned["written_by"]
    assert (again["cursor"], again["last_seen_at"] > first["last_seen_at"]) == ("k-9", True)


async def test_news_is_written_at_once_but_not_more_often_than_once_a_second(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    await beat(large, http, desk, session)
    await turn_back(bff_data, desk, 2)
    await beat(large, http, desk, session, queue_depth=0)
    assert (await kept(bff_data, desk))["queue_depth"] == 0
    written = set()
    began = datetime.now(UTC)
    for number in range(40):
        await beat(large, http, desk, session, queue_depth=number % 2)
        written.add((await kept(bff_data, desk))["written_by"])
    seconds = (datetime.now(UTC) - began).total_seconds()
    assert len(written) <= seconds + 2, f"{len(written)} writes in {seconds} s"


async def test_a_late_heartbeat_of_a_replaced_session_changes_nothing(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    first = await opened_id(large, http, desk)
    await beat(large, http, desk, first)
    second = await opened_id(large, http, desk)
    before = await kept(bff_data, desk)
    answer = await desk.send(http, "POST", f"{large.api}{BASE}/sessions/{first}/heartbeat", BEAT)
    assert answer.status_code == 410
    async with bff_data.transaction(
        desk.tenant_id
    ) as tx:  # one that had been let through before the new session
        await queries.beat(
            tx,
            tenant_id=desk.tenant_id,
            device_id=desk.device_id,
            session_id=uuid.UUID(first),
            member_id=desk.member_id,
            property="harbour",
            app_version="0.1",
            queue_depth=9,
            oldest_queued_at=None,
            clock_offset=0,
            cursor=None,
            behind=None,
            now=datetime.now(UTC),
        )
    assert await kept(bff_data, desk) == before
    assert before["session_id"] == uuid.UUID(second)
    assert before["queue_depth"] == BEAT["queue_depth"], "what waits on the device still waits"


@pytest.mark.parametrize(
    "wrong",
    [
        {"queue_depth": -1},
        {"queue_depth": 1 << 62},
        {"queue_depth": True},
        {"oldest_queued": 1e300},
        {"clock_offset": "2"},
        {"app_version": ""},
        {"cursor": "x" * 101},
        {"mood": "good"},
    ],
)
async def test_a_heartbeat_that_cannot_be_is_refused(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, wrong: dict[str, Any]
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    url = f"{large.api}{BASE}/sessions/{session}/heartbeat"
    answer = await desk.send(http, "POST", url, {**BEAT, **wrong})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{next(iter(wrong))}")


async def test_the_lag_is_how_many_of_its_own_events_a_desk_has_not_seen(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    cursor = (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).json()["cursor"]
    await say(bff_data, desk.tenant_id, ["all", "p.harbour", "p.airport", f"o.{uuid.uuid4()}"])

    async def lag(of: str) -> int | None:
        await turn_back(bff_data, desk, 15)
        await beat(large, http, desk, session, cursor=of)
        found: int | None = (await status_of(large, http, desk))["behind"]
        return found

    async def is_two() -> bool:
        return await lag(cursor) == 2

    await eventually(is_two, what="two events behind")
    assert await lag("18c0ffee-1") is None
    assert await lag("nonsense") is None


async def test_a_device_is_present_while_it_beats_in_an_open_session(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    await beat(large, http, desk, session)
    shown = await status_of(large, http, desk)
    assert {name: shown[name] for name in ("app_version", "queue_depth", "property", "is_present")} == {
        "app_version": "1.2.3",
        "queue_depth": 3,
        "property": "harbour",
        "is_present": True,
    }
    await turn_back(bff_data, desk, 91)
    assert (await status_of(large, http, desk))["is_present"] is False
    await beat(large, http, desk, session)
    assert (await status_of(large, http, desk))["is_present"] is True
    assert (await desk.send(http, "DELETE", f"{large.api}{BASE}/sessions/{session}")).status_code == 204
    assert (await status_of(large, http, desk))["is_present"] is False


async def test_members_see_the_devices_of_their_own_properties_and_it_admins_all_page_by_page(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    harbour = await new_desk(properties=("harbour",))
    tenant: dict[str, Any] = {"tenant_id": harbour.tenant_id}
    airport = await new_desk(**tenant, properties=("airport",))
    gone = await new_desk(**tenant, properties=("harbour",))
    stranger = await new_desk(properties=("harbour",))
    for desk in (harbour, airport, gone, stranger):
        assert (await open_session(large, http, desk, property=desk.properties[0])).status_code == 201
    revoked = DeviceRevokedV1(**tenant, device_id=gone.device_id, jkt=gone.jkt, reason="stolen")
    await know(bff_data, revoked, 2)

    async def seen(desk: Desk) -> list[str]:
        return [one["device_id"] for one in (await statuses(large, http, desk))["devices"]]

    assert await seen(harbour) == [str(harbour.device_id)]
    assert await seen(stranger) == [str(stranger.device_id)]
    harbour.claims = {"groups": ["/IT_ADMIN"]}
    everybody = sorted(str(desk.device_id) for desk in (harbour, airport))
    assert await seen(harbour) == everybody
    first = await statuses(large, http, harbour, "?page_size=1")
    token = first["next_page_token"]
    second = await statuses(large, http, harbour, f"?page_size=1&page_token={token}")
    shown = [one["device_id"] for one in (*first["devices"], *second["devices"])]
    assert (shown, second["next_page_token"]) == (everybody, None)
    for other in (airport, stranger):
        answer = await other.send(http, "GET", f"{large.api}{STATUS}?page_token={token}")
        assert (answer.status_code, answer.json()["code"]) == (400, "CHASSIS.PAGE_TOKEN_INVALID")
    nowhere = MemberScopeChangedV1(**tenant, member_id=airport.member_id, backoffice_roles=(), properties=())
    await know(bff_data, nowhere, 2)
    assert await seen(airport) == []


async def test_heartbeats_of_many_at_once_all_count(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    first = await new_desk()
    desks = [first, *[await new_desk(tenant_id=first.tenant_id) for _ in range(5)]]
    sessions = [await opened_id(large, http, desk) for desk in desks]
    for desk in desks:
        await desk.learn_nonce(http, f"{small.api}{BASE}/bootstrap")
    await asyncio.gather(
        *(
            beat(bff, http, desk, session, queue_depth=number)
            for number, (desk, session) in enumerate(zip(desks, sessions, strict=True))
            for bff in (large, small)
        )
    )
    assert [(await kept(bff_data, desk))["queue_depth"] for desk in desks] == list(range(len(desks)))
