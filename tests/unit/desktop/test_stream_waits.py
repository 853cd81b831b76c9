"""How long the stream stays away between two connections: as long as the server asked, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from joserfc.jwk import ECKey

from desktop.door import Door
from desktop.proofs import Proofs
from desktop.signin import SignIn
from desktop.store import Store
from desktop.stream import LONGEST_ASKED_SECONDS, Stream

BUSY = "HTTP/1.1 503 Busy\r\nRetry-After: {}\r\nConnection: close\r\n\r\n"
FRAMES = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{}"
HELLO = 'event: hello\ndata: {"last": {}}\n\n'


class SignedIn:
    """Of signing in the stream needs the token alone."""

    async def access_token(self) -> str:
        return "made-up"


@asynccontextmanager
async def server_that_answers(*answers: str) -> AsyncIterator[str]:
    """One of them per connection, the last one again and again; then it closes."""
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((left.pop(0) if len(left) > 1 else left[0]).encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"


async def waits(folder: Path, count: int, *answers: str) -> list[float]:
    """So many pauses of a stream that is given these answers; none of them is really waited."""
    found: list[float] = []
    enough = asyncio.Event()

    async def wait(seconds: float) -> None:
        found.append(seconds)
        if len(found) >= count:
            enough.set()
            await asyncio.Event().wait()

    store = Store(folder / "desktop.sqlite")
    async with server_that_answers(*answers) as url, httpx.AsyncClient(trust_env=False) as http:
        door = Door(http, Proofs(ECKey.generate_key("P-256")), cast("SignIn", SignedIn()))
        stream = asyncio.create_task(Stream(door, store, url, lambda _: None, wait=wait).run())
        await asyncio.wait_for(enough.wait(), 30)
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
    store.close()
    return found


async def test_who_is_told_when_to_come_back_does_not_come_before_and_not_with_all_others(
    tmp_path: Path,
) -> None:
    found = await waits(tmp_path, 8, BUSY.format(60))
    assert all(60 <= pause <= 90 for pause in found)
    assert len(set(found)) > 1


async def test_a_slip_of_the_server_keeps_nobody_away_for_hours(tmp_path: Path) -> None:
    (pause,) = await waits(tmp_path, 1, BUSY.format(10**6))
    assert LONGEST_ASKED_SECONDS <= pause <= LONGEST_ASKED_SECONDS * 1.5


@pytest.mark.parametrize("end", ["", "retry: soon\n\n", "data: half"])
async def test_the_retry_of_the_stream_holds_until_it_says_another_one(tmp_path: Path, end: str) -> None:
    said = FRAMES.format(f"retry: 40000\n\n{HELLO}{end}")
    first, second, third = await waits(
        tmp_path, 3, said, FRAMES.format(HELLO), FRAMES.format("retry: 70000\n\n")
    )
    assert 40 <= first <= 60
    assert 40 <= second <= 60
    assert 70 <= third <= 105


async def test_a_refusal_with_a_time_counts_more_than_the_retry_before_it(tmp_path: Path) -> None:
    said = FRAMES.format(f"retry: 40000\n\n{HELLO}")
    found = await waits(tmp_path, 3, said, BUSY.format(2), said)
    assert 40 <= found[0] <= 60
    assert found[1] <= 3
    assert 40 <= found[2] <= 60


async def test_without_a_word_of_the_server_the_wait_is_short_at_first(tmp_path: Path) -> None:
    (pause,) = await waits(tmp_path, 1, FRAMES.format(HELLO))
    assert pause <= 1
