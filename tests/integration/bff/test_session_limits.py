"""Sessions that reach a limit are closed by whichever process comes by, each once, whoever dies; their streams end."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest

from chassis.db import Database
from chassis.ids import uuid7
from contracts.bff import SessionClosedV1
from contracts.registry import DeviceRevokedV1, TenantArchivedV1
from services.bff.errors import DeviceUnknown, SessionEnded, TenantDisabled
from services.bff.projector import remember
from services.bff.sessions import operations as sessions
from services.bff.sessions.model import Limits
from tests.infra import ServiceDsns, eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, envelope_of, know
from tests.integration.bff.hotel import Hotel
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import BASE, Bff
from tests.integration.bff.test_deactivated import guest_of, is_waiting
from tests.integration.bff.test_sessions import check_ended, open_session, opened_id, said

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PROCESSES = 3
FILL = """
with numbered as (select gen_random_uuid() as tenant_id, gen_random_uuid() as session_id, gen_random_uuid() as device_id, n
                  from generate_series(1, $1) n),
made as (
    insert into bff.session (tenant_id, session_id, device_id, member_id, property, app_version, os, opened_at, expires_at,
                             due_at)
    select tenant_id, session_id, device_id, 'm', 'harbour', '1', 'os', now() - interval '13 hours',
           now() - (n % 3) * interval '1 hour' + interval '1 hour', '-infinity' from numbered)
insert into bff.device_sync_status (tenant_id, device_id, session_id, member_id, property, app_version, last_seen_at)
select tenant_id, device_id, session_id, 'm', 'harbour', '1',
       now() - case when n % 6 < 3 then interval '1 minute' else interval '31 minutes' end from numbered
"""
ONCE = """
select close_reason, count(*) as sessions, sum(said) as said, max(said) as most, min(row_version) filter (where said = 1)
from (select s.close_reason, s.row_version, coalesce(o.said, 0) as said
      from bff.session s left join (select tenant_id, count(*) as said from bff.outbox group by 1) o using (tenant_id)) each
group by 1 order by 1 nulls first
"""


@pytest.fixture
async def hotel(database: Callable[[str], Awaitable[Database]]) -> Hotel:
    return Hotel(await database("bff"))


async def test_a_session_that_is_heard_of_stays_open_until_its_absolute_limit(hotel: Hotel) -> None:
    session = await hotel.open()
    for _ in range(35):
        assert await hotel.pass_time(20 * MINUTE) == []
        await hotel.beat(session)
    assert await hotel.pass_time(20 * MINUTE) == [(str(session), "expired")]
    with pytest.raises(SessionEnded) as refused:
        await hotel.beat(session)
    assert refused.value.extras["reason"] == "expired"
    assert await hotel.pass_time(HOUR) == [(str(session), "expired")]


async def test_a_session_that_is_not_heard_of_ends_to_the_second(hotel: Hotel) -> None:
    session = await hotel.open()
    await hotel.pass_time(10 * MINUTE)
    await hotel.beat(session)
    assert await hotel.pass_time(29 * MINUTE + timedelta(seconds=59)) == []
    assert await hotel.pass_time(timedelta(seconds=1)) == [(str(session), "idle")]


async def test_a_heartbeat_moves_no_index_entry_and_waits_for_no_disk(hotel: Hotel) -> None:
    session = await hotel.open()
    counts = (
        "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'device_sync_status'"
    )
    async with hotel.database.transaction(hotel.guest.tenant_id) as tx:
        for _ in range(50):
            hotel.clock.advance(MINUTE / 2)
            await hotel.beat_in(tx, session)
        row = await tx.fetchrow(counts)
        is_synchronous = await tx.fetchval("show synchronous_commit")
    assert row is not None
    assert (row["n_tup_upd"], is_synchronous) == (50, "off")
    assert row["n_tup_hot_upd"] >= 45


async def test_who_looks_at_a_session_looks_again_only_when_the_next_limit_is_reached(hotel: Hotel) -> None:
    """A session that beats costs one write of the row per idle limit, not per heartbeat."""
    session = await hotel.open()
    looked = 0
    for _ in range(120):
        hotel.clock.advance(MINUTE)
        await hotel.beat(session)
        looked += await hotel.part.run_due()
    assert looked == 4


REFUSES = """
create function bff.refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
create trigger refuses before update of closed_at on bff.session
for each row when (old.session_id = '{}') execute function bff.refuse()
"""


async def test_a_session_that_cannot_be_closed_keeps_no_other_one_open(
    hotel: Hotel, admin: asyncpg.Connection
) -> None:
    stuck = await hotel.open()
    hotel.guest = replace(hotel.guest, device_id=uuid7())
    other = await hotel.open()
    await admin.execute(REFUSES.format(stuck))
    assert await hotel.pass_time(HOUR) == [(str(other), "idle")]
    await admin.execute("drop trigger refuses on bff.session")
    assert await hotel.pass_time(2 * MINUTE) == [(str(other), "idle"), (str(stuck), "idle")]


@pytest.mark.parametrize(
    "count", [1_200, pytest.param(60_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
async def test_several_processes_close_each_session_once_also_when_one_is_killed(
    count: int, service_dsns: Callable[[str], ServiceDsns], admin: asyncpg.Connection
) -> None:
    await admin.execute(FILL, count, timeout=300)
    await admin.execute("analyze bff.session, bff.device_sync_status")
    dsns = service_dsns("bff")
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.bff.limits_worker",
            dsns.database_url, dsns.worker_database_url, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip

    async def has_begun() -> bool:
        return bool(await admin.fetchval("select exists (select from bff.outbox)"))

    await eventually(has_begun, 60, "the first closing")
    processes[0].send_signal(signal.SIGKILL)
    await asyncio.gather(*(process.communicate() for process in processes))
    found = [tuple(row) for row in await admin.fetch(ONCE, timeout=300)]
    third = count // 3
    # n % 3: one third ends in an hour, one ends now, one ended an hour ago; of the first, half was not heard of.
    assert found == [
        (None, third // 2, 0, 0, None),
        ("expired", third + third // 2, third + third // 2, 1, 2),
        ("idle", count - third // 2 - (third + third // 2), count - third // 2 - (third + third // 2), 1, 2),
    ]


async def streams_of(
    stack: AsyncExitStack, http: httpx.AsyncClient, desk: Desk, bff: Bff, *sessions: str
) -> list[Line]:
    """A stream for each session, opened one after the other; empty for one outside of any."""
    lines = []
    for session in sessions:
        query = f"?session={session}" if session else ""
        line = await stack.enter_async_context(connected(http, desk, bff, query=query))
        lines.append(await line.opened())
    return lines


async def test_a_session_that_expired_in_one_process_ends_its_stream_in_another(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    async with AsyncExitStack() as stack:
        [line] = await streams_of(stack, http, desk, small, session)
        async with bff_data.transaction(desk.tenant_id) as tx:
            await tx.execute("update session set expires_at = now(), due_at = now()")
        await line.ended()
    assert line.said("session.revoked") == [{"reason": "expired"}]
    assert [event["type"] for event in line.events] == [SessionClosedV1.type]
    async with connected(http, desk, small, line.cursor, query=f"?session={session}") as again:
        await again.ended()
        assert again.status == 410


@pytest.mark.parametrize(("is_closed", "word"), [(True, "session.revoked"), (False, "bye")])
async def test_a_closed_and_a_replaced_session_end_their_own_stream_and_no_other(
    large: Bff,
    small: Bff,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    is_closed: bool,
    word: str,
) -> None:
    desk = await new_desk()
    beside = await new_desk(tenant_id=desk.tenant_id)
    first = await opened_id(large, http, desk)
    other = await opened_id(large, http, beside)
    async with AsyncExitStack() as stack:
        [line] = await streams_of(stack, http, desk, small, first)
        [others] = await streams_of(stack, http, beside, small, other)
        if is_closed:
            url = f"{large.api}{BASE}/sessions/{first}"
            assert (await desk.send(http, "DELETE", url)).status_code == 204
        else:
            assert (await open_session(large, http, desk)).status_code == 201
        await line.ended()
        assert line.said(word) == [{"reason": "closed" if is_closed else "replaced"}]
        second = (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).json()["session"]
        [again] = await streams_of(stack, http, desk, small, second["session_id"] if second else "")
        await eventually(lambda: bool(again.said("hb")), what="a heartbeat")
        assert (again.is_over, others.is_over) == (False, False)


async def test_a_stream_that_was_opened_in_the_new_session_is_not_ended_by_the_end_of_the_old_one(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    """It may be open before the news that the old one was replaced has come round."""
    desk = await new_desk()
    for _ in range(5):
        await opened_id(large, http, desk)
        session = await opened_id(large, http, desk)
        async with AsyncExitStack() as stack:
            [line] = await streams_of(stack, http, desk, large, session)
            await eventually(lambda line=line: len(line.events) > 0 or len(line.said("hb")) > 1)  # type: ignore[misc]
            assert line.is_over is False


def revoked(desk: Desk) -> DeviceRevokedV1:
    return DeviceRevokedV1(tenant_id=desk.tenant_id, device_id=desk.device_id, jkt=desk.jkt, reason="stolen")


def archived(desk: Desk) -> TenantArchivedV1:
    now = datetime.now(UTC)
    return TenantArchivedV1(tenant_id=desk.tenant_id, archived_at=now, delete_at=now)


ENDS: list[Any] = [(revoked, "revoked", DeviceUnknown), (archived, "tenant_disabled", TenantDisabled)]


@pytest.mark.parametrize(("event", "reason", "refusal"), ENDS)
async def test_a_revoked_device_and_an_archived_tenant_end_sessions(
    large: Bff,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    event: Callable[[Desk], Any],
    reason: str,
    refusal: type[Exception],
) -> None:
    desk, beside = await new_desk(), await new_desk()
    session, _ = [await opened_id(large, http, one) for one in (desk, beside)]
    for _ in range(2):
        await know(bff_data, event(desk), 2)
    closed = [body for type_, _, body in await said(bff_data, desk) if type_ == SessionClosedV1.type]
    assert [(body["session_id"], body["reason"]) for body in closed] == [(session, reason)]
    assert len(await said(bff_data, beside)) == 1


@pytest.mark.parametrize(("event", "reason", "refusal"), ENDS)
async def test_either_the_end_sees_the_new_session_or_the_opening_sees_the_end(
    new_desk: NewDesk, bff_data: Database, event: Callable[[Desk], Any], reason: str, refusal: type[Exception]
) -> None:
    first, second = await new_desk(), await new_desk()
    asked = SimpleNamespace(property="harbour", app_version="1.0.0", os="Windows 11")
    limits = Limits(HOUR, HOUR, HOUR)

    async def open_late(desk: Desk) -> None:
        async with bff_data.transaction(desk.tenant_id) as tx:
            await sessions.open_session(tx, guest_of(desk), asked, datetime.now(UTC), limits)

    async with bff_data.transaction(first.tenant_id) as tx:
        await sessions.open_session(tx, guest_of(first), asked, datetime.now(UTC), limits)
        work = asyncio.create_task(know(bff_data, event(first), 2))
        await eventually(lambda: waits(bff_data), what="somebody who waits")
    await work
    closed = [body["reason"] for type_, _, body in await said(bff_data, first) if "closed" in type_]
    assert closed == [reason]
    async with bff_data.worker() as tx:
        await remember(tx, envelope_of(event(second), 2), event(second))
        work = asyncio.create_task(open_late(second))
        await eventually(lambda: waits(bff_data), what="somebody who waits")
    with pytest.raises(refusal):
        await work
    assert await said(bff_data, second) == []


async def waits(database: Database) -> bool:
    """For an advisory lock, or for somebody else's row."""
    async with database.platform_reading() as tx:
        others = await tx.fetchval(
            "select count(*) from pg_locks where locktype = 'transactionid' and not granted"
        )
    return bool(others) or await is_waiting(database)


async def test_a_closed_session_answers_410_from_whichever_process(
    large: Bff, small: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    session = await opened_id(large, http, desk)
    assert (await desk.send(http, "DELETE", f"{large.api}{BASE}/sessions/{session}")).status_code == 204
    url = f"{small.api}{BASE}/bootstrap?session_id={session}"
    check_ended(await desk.send(http, "GET", url), "closed")
