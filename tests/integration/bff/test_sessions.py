"""Desk sessions over HTTP: one open per device, never another's, and the outbox says what happened."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from chassis.db import Database
from chassis.ids import uuid7
from contracts.bff import SessionClosedV1, SessionOpenedV1, SessionReplacedV1
from contracts.registry import MemberScopeChangedV1
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, know
from tests.integration.bff.stage import BASE, STREAM, Bff

SESSION = {"app_version": "1.2.3", "os": "Windows 11", "property": "harbour"}
BEAT = {
    "app_version": "1.2.3",
    "queue_depth": 3,
    "oldest_queued": 12.5,
    "clock_offset": -2.0,
    "cursor": "k-1",
}
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


def check_ended(answer: httpx.Response, reason: str) -> None:
    told = answer.json()
    assert (answer.status_code, told["code"], told["reason"]) == (410, "BFF.SESSION_ENDED", reason)
    assert datetime.fromisoformat(told["ended_at"]) <= datetime.now(UTC)


async def check_ended_everywhere(
    bff: Bff, http: httpx.AsyncClient, desk: Desk, session: str, reason: str
) -> None:
    """At the heartbeat, at the first screen, at the stream, and for who closes it."""
    own = f"{bff.api}{BASE}/sessions/{session}"
    check_ended(await desk.send(http, "POST", f"{own}/heartbeat", BEAT), reason)
    check_ended(await desk.send(http, "DELETE", own), reason)
    for url in (f"{bff.api}{BASE}/bootstrap?session_id={session}", f"{bff.stream}{STREAM}?session={session}"):
        check_ended(await desk.send(http, "GET", url), reason)


async def test_an_opened_session_says_where_the_stream_is_and_is_told_of_in_the_outbox(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    answer = await open_session(large, http, desk)
    assert answer.status_code == 201
    assert answer.headers["dpop-nonce"]
    told = answer.json()
    assert told["stream_url"] == f"{large.stream}{STREAM}?session={told['session_id']}"
    assert told["sync"] == {"scope": f"{desk.tenant_id}/harbour", "paused": False}
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
    await check_ended_everywhere(large, http, desk, first, "replaced")
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


async def test_a_closed_session_is_told_of_once_and_refused_from_then_on(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    assert (await desk.send(http, "DELETE", f"{large.api}{BASE}/sessions/{session}")).status_code == 204
    await check_ended_everywhere(large, http, desk, session, "closed")
    [_, (type_, headers, body)] = await said(bff_data, desk)
    assert (type_, headers["ce-aggregateversion"]) == (SessionClosedV1.type, "2")
    assert (body["session_id"], body["reason"]) == (session, "closed")
    assert (body["device_id"], body["member_id"]) == (str(desk.device_id), desk.member_id)


async def test_of_two_who_close_a_session_at_once_one_does_and_the_other_is_told_so(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    for bff in (large, small):
        await desk.learn_nonce(http, f"{bff.api}{BASE}/bootstrap")
    closing = (desk.send(http, "DELETE", f"{bff.api}{BASE}/sessions/{session}") for bff in (large, small) * 4)
    answers = await asyncio.gather(*closing)
    assert sorted(answer.status_code for answer in answers) == [204] + [410] * 7
    assert [type_ for type_, _, _ in await said(bff_data, desk)] == [
        SessionOpenedV1.type,
        SessionClosedV1.type,
    ]


@pytest.mark.parametrize(
    ("reached", "reason"),
    [
        ("update session set expires_at = now()", "expired"),
        ("update device_sync_status set last_seen_at = now() - interval '1 hour'", "idle"),
    ],
)
async def test_a_limit_counts_before_anybody_has_written_the_end_down(
    large: Bff,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    reached: str,
    reason: str,
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    async with bff_data.transaction(desk.tenant_id) as tx:
        await tx.execute(reached)
    await check_ended_everywhere(large, http, desk, session, reason)
    shown = (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).json()
    assert shown["session"] is None


async def test_a_session_is_one_members_on_its_device(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    colleague = await new_desk(tenant_id=desk.tenant_id, device_id=desk.device_id, key=desk.key)
    own = f"{large.api}{BASE}/sessions/{session}"
    check_not_found(await colleague.send(http, "POST", f"{own}/heartbeat", BEAT))
    check_not_found(await colleague.send(http, "DELETE", own))
    url = f"{large.api}{BASE}/bootstrap"
    check_not_found(await colleague.send(http, "GET", f"{url}?session_id={session}"))
    assert (await colleague.send(http, "GET", url)).json()["session"] is None
    assert (await desk.send(http, "GET", f"{url}?session_id={session}")).status_code == 200


async def test_who_may_no_longer_work_at_the_property_is_refused_in_the_session(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk(properties=("harbour", "airport"))
    session = await opened_id(large, http, desk)
    moved = MemberScopeChangedV1(
        tenant_id=desk.tenant_id, member_id=desk.member_id, backoffice_roles=(), properties=("airport",)
    )
    await know(bff_data, moved, 2)
    for method, url in (
        ("POST", f"{large.api}{BASE}/sessions/{session}/heartbeat"),
        ("GET", f"{large.api}{BASE}/bootstrap?session_id={session}"),
        ("GET", f"{large.stream}{STREAM}?session={session}"),
    ):
        answer = await desk.send(http, method, url, BEAT if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "BFF.PROPERTY_OUT_OF_SCOPE")


async def test_a_stream_of_something_that_is_no_session_is_not_found(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    for named in ("nonsense", str(uuid7())):
        check_not_found(await desk.send(http, "GET", f"{large.stream}{STREAM}?session={named}"))


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
