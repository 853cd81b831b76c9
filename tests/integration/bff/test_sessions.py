"""Desk sessions over HTTP: one open per device, never another's, and the outbox says what happened."""

import asyncio
import uuid
from typing import Any

import httpx
import orjson

from chassis.db import Database
from chassis.ids import uuid7
from contracts.bff import SessionClosedV1, SessionOpenedV1, SessionReplacedV1
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, STREAM, Bff

SESSION = {"app_version": "1.2.3", "os": "Windows 11", "property": "harbour"}
SAID = "select subject, headers, payload from outbox where tenant_id = $1 order by id"


async def said(database: Database, desk: Desk) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """(type, headers, body) of all that the bff said about this tenant, in order."""
    async with database.platform_reading() as tx:
        rows = await tx.fetch(SAID, desk.tenant_id)
    return [(row["subject"], orjson.loads(row["headers"]), orjson.loads(row["payload"])) for row in rows]


async def open_session(
    bff: Bff, http: httpx.AsyncClient, desk: Desk, key: str = "", **about: str
) -> httpx.Response:
    headers = [("Idempotency-Key", key or uuid.uuid4().hex)]
    return await desk.send(http, "POST", f"{bff.api}{BASE}/sessions", {**SESSION, **about}, headers)


async def opened_id(bff: Bff, http: httpx.AsyncClient, desk: Desk) -> str:
    answer = await open_session(bff, http, desk)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session_id"])


def check_not_found(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (404, "BFF.SESSION_NOT_FOUND")


async def test_an_opened_session_says_where_the_stream_is_and_is_told_of_in_the_outbox(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    answer = await open_session(large, http, desk)
    assert answer.status_code == 201
    assert answer.headers["dpop-nonce"]
    told = answer.json()
    assert told["stream_url"] == f"{large.stream}{STREAM}"
    [(type_, headers, body)] = await said(bff_data, desk)
    event = SessionOpenedV1.read(orjson.dumps(body))
    assert type_ == SessionOpenedV1.type
    assert headers["ce-subject"] == f"session/{told['session_id']}"
    assert (headers["ce-tenantid"], headers["ce-aggregateversion"]) == (str(desk.tenant_id), "1")
    assert (headers["ce-actorid"], headers["ce-actortype"]) == (desk.member_id, "user")
    assert (event.tenant_id, event.device_id, event.member_id) == (
        desk.tenant_id,
        desk.device_id,
        desk.member_id,
    )
    assert (event.property, event.app_version, event.os) == ("harbour", "1.2.3", "Windows 11")
    assert event.expires_at.isoformat() == told["expires_at"]
    assert (event.expires_at - event.opened_at).total_seconds() == 12 * 3600


async def test_a_second_session_of_a_device_replaces_the_first_and_says_so(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    first, second = await opened_id(large, http, desk), await opened_id(large, http, desk)
    types = [(type_, body["session_id"]) for type_, _, body in await said(bff_data, desk)]
    assert types == [
        (SessionOpenedV1.type, first),
        (SessionReplacedV1.type, first),
        (SessionOpenedV1.type, second),
    ]
    _, headers, body = (await said(bff_data, desk))[1]
    assert body["replaced_by"] == second
    assert headers["ce-aggregateversion"] == "2"
    check_not_found(await desk.send(http, "POST", f"{large.api}{BASE}/sessions/{first}/heartbeat", BEAT))
    shown = (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).json()
    assert shown["session"]["session_id"] == second


async def test_sessions_opened_at_the_same_moment_leave_exactly_one_open(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    for bff in (large, small):
        await desk.learn_nonce(http, f"{bff.api}{BASE}/bootstrap")
    answers = await asyncio.gather(*(open_session(bff, http, desk) for bff in (large, small) * 4))
    assert [answer.status_code for answer in answers] == [201] * 8
    told = [(type_, body["session_id"]) for type_, _, body in await said(bff_data, desk)]
    opened = [session for type_, session in told if type_ == SessionOpenedV1.type]
    replaced = [session for type_, session in told if type_ == SessionReplacedV1.type]
    assert sorted(opened) == sorted(answer.json()["session_id"] for answer in answers)
    assert replaced == opened[:-1]


BEAT = {
    "app_version": "1.2.3",
    "queue_depth": 3,
    "oldest_queued": 12.5,
    "clock_offset": -2.0,
    "cursor": "k-1",
}


async def test_a_heartbeat_is_kept_and_tells_when_the_next_is_due(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    answer = await desk.send(http, "POST", f"{large.api}{BASE}/sessions/{session}/heartbeat", BEAT)
    assert answer.status_code == 200
    assert answer.json()["next"] == 30
    async with bff_data.reading(desk.tenant_id) as tx:
        row = await tx.fetchrow("select heartbeat, last_seen_at > opened_at as later from session")
    assert row is not None
    assert (row["heartbeat"], row["later"]) == (BEAT, True)


async def test_a_closed_session_is_told_of_once_and_takes_no_heartbeat(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    url = f"{large.api}{BASE}/sessions/{session}"
    assert (await desk.send(http, "DELETE", url)).status_code == 204
    check_not_found(await desk.send(http, "DELETE", url))
    check_not_found(await desk.send(http, "POST", f"{url}/heartbeat", BEAT))
    [_, (type_, headers, body)] = await said(bff_data, desk)
    assert (type_, headers["ce-aggregateversion"]) == (SessionClosedV1.type, "2")
    assert (body["session_id"], body["reason"]) == (session, "closed")
    assert (body["device_id"], body["member_id"]) == (str(desk.device_id), desk.member_id)


async def test_a_session_that_has_run_out_takes_no_heartbeat(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    async with bff_data.transaction(desk.tenant_id) as tx:
        await tx.execute("update session set expires_at = opened_at")
    check_not_found(await desk.send(http, "POST", f"{large.api}{BASE}/sessions/{session}/heartbeat", BEAT))


async def test_nobody_touches_the_session_of_another_device_or_tenant(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    url = f"{large.api}{BASE}/sessions/{session}"
    beside = await new_desk(tenant_id=desk.tenant_id, member_id=desk.member_id)
    for other in (beside, await new_desk()):
        check_not_found(await other.send(http, "DELETE", url))
        check_not_found(await other.send(http, "POST", f"{url}/heartbeat", BEAT))
    check_not_found(await desk.send(http, "DELETE", f"{large.api}{BASE}/sessions/{uuid7()}"))
    assert len(await said(bff_data, desk)) == 1
    assert (await desk.send(http, "POST", f"{url}/heartbeat", BEAT)).status_code == 200


async def test_a_property_outside_of_the_scope_is_refused_and_nothing_is_said(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    answer = await open_session(large, http, desk, property="airport")
    assert (answer.status_code, answer.json()["code"]) == (403, "BFF.PROPERTY_OUT_OF_SCOPE")
    assert await said(bff_data, desk) == []


async def test_a_repeated_idempotency_key_answers_the_same_session_and_opens_none(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    """On another process too: the outcome is in the database."""
    desk = await new_desk()
    first = await open_session(large, http, desk, "once")
    for bff in (large, small):
        again = await open_session(bff, http, desk, "once")
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotency-replayed"] == "true"
    other = await open_session(large, http, desk, "once", os="macOS")
    assert (other.status_code, other.json()["code"]) == (422, "CHASSIS.IDEMPOTENCY_KEY_REUSED")
    assert [type_ for type_, _, _ in await said(bff_data, desk)] == [SessionOpenedV1.type]
    headers = await desk.headers(http, "POST", f"{large.api}{BASE}/sessions")
    none = await http.post(f"{large.api}{BASE}/sessions", json=SESSION, headers=headers)
    assert (none.status_code, none.json()["code"]) == (400, "CHASSIS.IDEMPOTENCY_KEY_REQUIRED")


async def test_the_same_key_of_another_device_is_another_key(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desks = [await new_desk(), await new_desk()]
    answers = [await open_session(large, http, desk, "shared") for desk in desks]
    assert len({answer.json()["session_id"] for answer in answers}) == 2
