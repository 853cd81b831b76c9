"""Sessions are deleted a good while after their end: in batches, by whichever process, and none before."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from chassis.db import Database
from services.bff.errors import SessionEnded, SessionNotFound
from services.bff.sessions.retention import ClosedSessions
from tests.integration.bff.hotel import Hotel

DAY = timedelta(days=1)
MADE = """
insert into bff.session (tenant_id, session_id, device_id, member_id, property, app_version, os, opened_at, expires_at,
                         closed_at, close_reason)
select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'm', 'h', '1', 'os', $1, $1, $1, 'idle'
from generate_series(1, $2)
"""


@pytest.fixture
async def hotel(database: Callable[[str], Awaitable[Database]]) -> Hotel:
    return Hotel(await database("bff"))


def part_of(hotel: Hotel) -> ClosedSessions:
    return ClosedSessions(hotel.database, hotel.clock, 90 * DAY)


async def test_a_session_is_known_to_have_ended_for_so_long_and_then_unknown(hotel: Hotel) -> None:
    session = await hotel.open()
    await hotel.pass_time(DAY)
    hotel.clock.advance(90 * DAY)
    assert await part_of(hotel).forget() == 0, "not longer ago than that"
    with pytest.raises(SessionEnded):
        await hotel.beat(session)
    hotel.clock.advance(timedelta(seconds=1))
    assert await part_of(hotel).forget() == 1
    with pytest.raises(SessionNotFound):
        await hotel.beat(session)


async def test_an_open_session_is_never_deleted(hotel: Hotel) -> None:
    session = await hotel.open()
    hotel.clock.advance(1000 * DAY)
    assert await part_of(hotel).forget() == 0
    with pytest.raises(SessionEnded):
        await hotel.beat(session)


async def test_many_go_in_batches_shared_by_processes_each_once(
    hotel: Hotel, admin: asyncpg.Connection
) -> None:
    await admin.execute(MADE, hotel.clock.now(), 95)
    hotel.clock.advance(91 * DAY)
    gone = 0
    while found := sum(await asyncio.gather(*(part_of(hotel).forget(10) for _ in range(3)))):
        assert found <= 30
        gone += found
    assert gone == 95
