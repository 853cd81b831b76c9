"""A member that was deactivated: what it has open ends, it is refused, and it can be taken back."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from chassis.db import Database, Tx
from chassis.dpop import Proof
from contracts.bff import SessionClosedV1
from contracts.claims import Claims
from contracts.registry import MemberDeactivatedV1
from services.bff.directory import Scope
from services.bff.door import Guest
from services.bff.errors import MemberDeactivated
from services.bff.projector import remember
from services.bff.sessions import operations as sessions
from services.bff.sessions.model import Limits
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, envelope_of, know
from tests.integration.bff.stage import BASE, STREAM, Bff
from tests.integration.bff.test_sessions import BEAT, open_session, opened_id, said

ASKED = SimpleNamespace(property="harbour", app_version="1.0.0", os="Windows 11")


def deactivated(desk: Desk) -> MemberDeactivatedV1:
    return MemberDeactivatedV1(tenant_id=desk.tenant_id, member_id=desk.member_id)


async def closed(database: Database, desk: Desk) -> list[tuple[str, str]]:
    """(session, reason) of those that were said to be closed."""
    return [
        (body["session_id"], body["reason"])
        for type_, _, body in await said(database, desk)
        if type_ == SessionClosedV1.type
    ]


async def test_its_sessions_end_its_requests_are_refused_and_added_again_it_comes_in(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    beside = await new_desk(tenant_id=desk.tenant_id)
    session, other = [await opened_id(large, http, one) for one in (desk, beside)]
    await know(bff_data, deactivated(desk), 2)
    assert await closed(bff_data, desk) == [(session, "deactivated")]
    beat = f"{large.api}{BASE}/sessions/{session}/heartbeat"
    for method, url in (
        ("GET", f"{large.api}{BASE}/bootstrap"),
        ("GET", f"{large.stream}{STREAM}"),
        ("POST", beat),
    ):
        answer = await desk.send(http, method, url, BEAT if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "BFF.MEMBER_DEACTIVATED")
        assert answer.headers["dpop-nonce"]
    still = await beside.send(http, "POST", beat.replace(session, other), BEAT)
    assert still.status_code == 200
    await know(bff_data, desk.joined(), 3)
    assert (await open_session(large, http, desk)).status_code == 201


async def test_an_older_word_changes_nothing(
    new_desk: NewDesk, bff_data: Database, large: Bff, http: httpx.AsyncClient
) -> None:
    desk = await new_desk()
    await know(bff_data, desk.joined(), 4)
    session = await opened_id(large, http, desk)
    await know(bff_data, deactivated(desk), 3)
    assert await closed(bff_data, desk) == []
    assert (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).json()["session"][
        "session_id"
    ] == session


def guest_of(desk: Desk) -> Guest:
    claims = Claims(desk.member_id, "t", frozenset({"bff"}), 2**40, tenant_id=desk.tenant_id)
    scope = Scope(frozenset(desk.properties), frozenset(desk.roles))
    return Guest(claims, desk.tenant_id, desk.device_id, desk.member_id, scope, Proof(desk.jkt, "j", 0))


async def opening(tx: Tx, desk: Desk) -> None:
    hour = timedelta(hours=1)
    await sessions.open_session(tx, guest_of(desk), ASKED, datetime.now(UTC), Limits(hour, hour, hour))


async def test_a_session_that_is_just_being_opened_is_closed_as_well(
    new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    async with bff_data.transaction(desk.tenant_id) as tx:
        await opening(tx, desk)
        work = asyncio.create_task(know(bff_data, deactivated(desk), 2))
        await eventually(lambda: is_waiting(bff_data), what="somebody who waits")
    await work
    assert [reason for _, reason in await closed(bff_data, desk)] == ["deactivated"]


async def is_waiting(database: Database) -> bool:
    async with database.platform_reading() as tx:
        return bool(
            await tx.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        )


async def test_who_was_let_in_a_moment_ago_opens_nothing_any_more(
    new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()

    async def late() -> None:
        async with bff_data.transaction(desk.tenant_id) as tx:
            await opening(tx, desk)

    async with bff_data.worker() as tx:
        await remember(tx, envelope_of(deactivated(desk), 2), deactivated(desk))
        work = asyncio.create_task(late())
        await eventually(lambda: is_waiting(bff_data), what="somebody who waits")
    with pytest.raises(MemberDeactivated):
        await work
    assert await closed(bff_data, desk) == []
