"""Open streams are told before their session ends by a limit: each once, and only where it will end."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from httpx_sse import EventSource

from chassis.db import Database
from services.bff.hub import Hub, Stream
from services.bff.sessions.warnings import SessionWarnings
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.hotel import BEGAN, Hotel
from tests.integration.bff.limits_worker import LIMITS
from tests.integration.bff.line import connected
from tests.integration.bff.stage import Bff
from tests.integration.bff.test_sessions import opened_id
from tests.property.bff.test_hub import Reader, new_hub

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


class Watched(Hotel):
    """A desk with a stream, and the part that warns it, under a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.hub: Hub = new_hub()
        self.warnings = SessionWarnings(database, self.clock, LIMITS, self.hub)
        self.reader = Reader()

    def attach(self, session: UUID | str) -> Stream:
        self.reader = Reader()
        stream = Stream(
            self.guest.tenant_id,
            self.guest.device_id,
            ["all"],
            self.reader,
            session=str(session),
            generation=1,
        )
        self.hub.attach(stream, 0, 0.0)
        return stream

    async def told(self, after: timedelta) -> list[dict[str, Any]]:
        """What the stream was told up to then, of all that it was given."""
        self.clock.advance(after)
        for _ in range(2):
            await self.warnings.look()
        answer = httpx.Response(
            200, headers={"content-type": "text/event-stream"}, content=bytes(self.reader.taken)
        )
        events = EventSource(answer).iter_sse()
        return [json.loads(event.data) for event in events if event.event == "session.expiring"]


@pytest.fixture
async def hotel(database: Callable[[str], Awaitable[Database]]) -> Watched:
    return Watched(await database("bff"))


def word(ends: timedelta, left: int, reason: str) -> dict[str, Any]:
    return {"exp": int((BEGAN + ends).timestamp()), "closes_in": left, "reason": reason}


async def test_a_session_that_is_not_heard_of_is_warned_of_once_a_minute_before_its_end(
    hotel: Watched,
) -> None:
    hotel.attach(await hotel.open())
    assert await hotel.told(29 * MINUTE - SECOND) == []
    assert await hotel.told(SECOND) == [word(30 * MINUTE, 60, "idle")]
    assert await hotel.told(20 * SECOND) == [word(30 * MINUTE, 60, "idle")]


async def test_a_heartbeat_lifts_the_warning_and_the_next_silence_brings_another_one(hotel: Watched) -> None:
    session = await hotel.open()
    hotel.attach(session)
    first = await hotel.told(29 * MINUTE)
    await hotel.beat(session)
    assert await hotel.told(2 * MINUTE) == first
    assert await hotel.told(27 * MINUTE) == [*first, word(59 * MINUTE, 60, "idle")]


async def test_the_absolute_limit_is_told_however_often_the_session_is_heard_of(hotel: Watched) -> None:
    session = await hotel.open()
    hotel.attach(session)
    for _ in range(71):
        assert await hotel.told(10 * MINUTE) == []
        await hotel.beat(session)
    assert await hotel.told(9 * MINUTE) == [word(12 * 60 * MINUTE, 60, "expired")]
    await hotel.beat(session)
    assert len(await hotel.told(SECOND)) == 1


async def test_a_stream_that_opens_in_the_last_minute_is_told_and_another_sessions_is_not(
    hotel: Watched,
) -> None:
    session = await hotel.open()
    hotel.attach("")
    assert await hotel.told(29 * MINUTE) == []
    hotel.attach(session)
    assert await hotel.told(10 * SECOND) == [word(30 * MINUTE, 50, "idle")]


async def test_a_parked_reader_is_told_when_it_reads_again(hotel: Watched) -> None:
    stream = hotel.attach(await hotel.open())
    stream.parked_at = 0.0
    assert await hotel.told(29 * MINUTE) == []
    hotel.hub.drained(stream, 0.0)
    assert await hotel.told(5 * SECOND) == [word(30 * MINUTE, 55, "idle")]


async def test_a_running_process_warns_the_stream_of_a_session_that_ends_soon(
    small: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    session = await opened_id(small, http, desk)
    async with connected(http, desk, small, query=f"?session={session}") as line:
        await line.opened()
        async with bff_data.transaction(desk.tenant_id) as tx:
            await tx.execute("update session set (expires_at, due_at) = (now() + '40 s', now() + '40 s')")
        await eventually(lambda: bool(line.said("session.expiring")), 30, "a warning")
        assert line.said("session.expiring")[0]["reason"] == "expired"
        assert not line.is_over
