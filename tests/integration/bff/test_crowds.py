"""More callers than may come in: those who are in notice nothing that is lost, the others hear when to come again."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack

import httpx
import pytest

from chassis.db import Database
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import Line, connected, request_head
from tests.integration.bff.stage import LARGE, STREAM, Bff, Stage

IN = 8
CROWD = 80
WAVE = 2_000
RATE = 5


async def first_word(line: Line) -> int:
    """The status, once there is one."""
    await line.opened()
    return line.status


async def come(stack: AsyncExitStack, http: httpx.AsyncClient, desks: Sequence[Desk], bff: Bff) -> list[Line]:
    """All at once."""
    heads = [await request_head(http, desk, bff, None) for desk in desks]
    return list(
        await asyncio.gather(
            *(
                stack.enter_async_context(connected(http, desk, bff, head=head))
                for desk, head in zip(desks, heads, strict=True)
            )
        )
    )


def check_refused(line: Line) -> None:
    """Honest: a status, and a time to come back."""
    assert line.status == 503
    headers = dict(part.split(b": ", 1) for part in line.head.lower().split(b"\r\n")[1:] if part)
    assert 1 <= int(headers[b"retry-after"]) <= 10
    assert b"dpop-nonce" in headers


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"MAX_STREAMS": str(2 * IN)}, IN),
        ({"ATTACH_RATE": str(RATE), "MAX_STREAMS": "1000"}, CROWD),
        ({"MAX_OPENINGS": "4"}, CROWD),
    ],
    ids=["ten times the limit", "many times the rate", "more than can wait"],
)
async def test_of_a_crowd_each_is_let_in_or_told_when_to_come_and_who_is_in_gets_everything(
    stage: Stage,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    options: dict[str, str],
    most: int,
) -> None:
    bff = await stage.start_bff("crowd", stage.registry_url, {**LARGE, **options})
    first = await new_desk()
    inside = [first, *[await new_desk(tenant_id=first.tenant_id) for _ in range(IN - 1)]]
    crowd = [await new_desk(tenant_id=first.tenant_id) for _ in range(CROWD)]
    async with AsyncExitStack() as stack:
        there = [await let_in(stack, http, desk, bff) for desk in inside]
        came, said = await asyncio.gather(
            come(stack, http, crowd, bff), say(bff_data, first.tenant_id, ["all"] * 20, 500)
        )
        statuses = await asyncio.gather(*(first_word(line) for line in came))
        said += await say(bff_data, first.tenant_id, ["all"] * 20, 500)
        for line in there:
            assert ids(await line.got(len(said), 60)) == said
        admitted = [line for line, status in zip(came, statuses, strict=True) if status == 200]
        assert 1 <= len(admitted) <= most
        assert len(admitted) < CROWD
        for line in admitted:
            got = ids(await line.got(20, 60))
            assert got == said[-len(got) :]
        for line, status in zip(came, statuses, strict=True):
            if status != 200:
                check_refused(line)
        assert not any(line.is_over for line in [*there, *admitted])
    bff.process.end()


async def let_in(stack: AsyncExitStack, http: httpx.AsyncClient, desk: Desk, bff: Bff) -> Line:
    """In, however often it has to come again."""
    while True:
        line = await stack.enter_async_context(connected(http, desk, bff))
        await line.opened()
        if line.status == 200:
            return line


async def test_a_wave_at_a_full_process_is_answered_to_the_last_one(
    stage: Stage, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    """Far more at once than wait in a listening socket by default; the memory that they cost is given back."""
    bff = await stage.start_bff("full", stage.registry_url, {**LARGE, "MAX_STREAMS": "1"})

    async def knock() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", bff.stream_port)
        try:
            writer.write(f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return await reader.read()
        finally:
            writer.transport.abort()

    async with connected(http, await new_desk(), bff) as line:
        await line.opened()
        grown = []
        for _ in range(3):
            before = bff.process.resident_bytes
            knocks: list[Awaitable[bytes]] = [knock() for _ in range(WAVE)]
            answers = await asyncio.gather(*knocks)
            assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 503 Service Unavailable"}
            assert all(b"\r\nRetry-After: " in answer for answer in answers)
            grown.append(bff.process.resident_bytes - before)
        assert grown[-1] < 8 * 1024 * 1024
        assert not line.is_over
    bff.process.end()


@pytest.mark.parametrize(
    ("language", "word"), [("fr-CA, en;q=0.5", "Trop de requêtes"), ("", "Too many requests")]
)
async def test_who_is_turned_away_at_a_glance_hears_it_in_their_language_and_health_is_told_as_ever(
    stage: Stage, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database, language: str, word: str
) -> None:
    bff = await stage.start_bff("glance", stage.registry_url, {**LARGE, "MAX_STREAMS": "1"})
    desk = await new_desk()
    async with connected(http, desk, bff) as line:
        await line.opened()
        storm = [http.get(f"{bff.stream}{STREAM}", headers={"Accept-Language": language}) for _ in range(200)]
        alive = [http.get(f"{bff.stream}/livez") for _ in range(5)]
        answers, lives, said = await asyncio.gather(
            asyncio.gather(*storm), asyncio.gather(*alive), say(bff_data, desk.tenant_id, ["all"] * 20)
        )
        assert {answer.status_code for answer in answers} == {503}
        assert all(word in answer.json()["detail"] for answer in answers)
        assert all(1 <= int(answer.headers["retry-after"]) <= 10 for answer in answers)
        assert {answer.status_code for answer in lives} == {200}
        assert ids(await line.got(len(said))) == said
    bff.process.end()
