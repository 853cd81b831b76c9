"""What the stream's listener does with requests that are none, too large or too slow: a precise refusal, never a hang."""

import asyncio
import resource
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import orjson
import pytest

from chassis.buckets import Buckets
from chassis.db import Database
from services.bff.bounds import OPENING_SECONDS
from services.bff.limits import Admission
from services.bff.opening import Opening
from services.bff.streams import Streams
from services.bff.wheel import Wheel
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import connected, request_head
from tests.integration.bff.stage import STREAM, Bff

GET = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n".encode()


async def exchange(bff: Bff, sent: bytes) -> bytes:
    """All that the listener answers until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bff.stream_port)
    try:
        writer.write(sent)
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.transport.abort()


def refusal(answer: bytes) -> tuple[int, str]:
    """(status, code) of the one answer that there must be."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in head
    problem = orjson.loads(body)
    assert int(head.split(b" ")[1]) == problem["status"]
    return problem["status"], problem["code"]


MALFORMED = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS or what\r\n\r\n",
    "a method that is none": b"BREW / HTTP/1.1\r\n\r\n",
    "garbage behind the request": GET + b"\r\n\x00\x01\x02 garbage\r\n\r\n",
    "a second request behind the first": GET + b"\r\n" + GET + b"\r\n",
    "a request for another protocol": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a tunnel": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "a header with a NUL": GET + b"X: a\x00b\r\n\r\n",
    "two lengths": GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_no_request_of_ours_is_refused_once_and_closed(large: Bff, sent: bytes) -> None:
    assert refusal(await exchange(large, sent)) == (400, "CHASSIS.BAD_REQUEST")


@pytest.mark.parametrize(
    "target", ["*", "http://example.com", "//", "/", f"{STREAM}/", f"/x{STREAM}", "/%00"]
)
async def test_an_address_that_is_not_the_streams_is_not_found(large: Bff, target: str) -> None:
    method = "OPTIONS" if target == "*" else "GET"
    answer = await exchange(large, f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert refusal(answer) == (404, "CHASSIS.NOT_FOUND")


async def test_another_method_is_not_found_here(large: Bff) -> None:
    assert refusal(await exchange(large, GET.replace(b"GET", b"POST") + b"\r\n"))[0] == 404


async def test_a_head_that_is_too_large_is_refused_before_its_end(large: Bff) -> None:
    many = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(33))
    assert refusal(await exchange(large, GET + many)) == (431, "CHASSIS.BAD_REQUEST")


async def test_an_address_that_is_too_long_is_refused_and_not_cut(large: Bff) -> None:
    sent = f"GET {STREAM}?cursor={'1' * 5000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert refusal(await exchange(large, sent)) == (414, "CHASSIS.BAD_REQUEST")


async def test_a_head_that_comes_too_slowly_is_given_up() -> None:
    loop, patience = asyncio.get_running_loop(), Wheel[Opening]()
    nobody = cast("Streams", SimpleNamespace(loop=loop, admission=Admission(1, Buckets(1, 1, 1))))
    caller, accepted = socket.socketpair()
    accepted.setblocking(False)
    with caller, accepted:
        Opening(nobody, patience, accepted).start(GET)
        for second in range(int(OPENING_SECONDS) + 1):  # a byte now and then does not buy time
            assert caller.send(b"X") == 1
            await asyncio.sleep(0)
            assert not list(patience.due(loop.time() + second - 1))
        [opening] = patience.due(loop.time() + OPENING_SECONDS + 1)
        opening.give_up()
        await eventually(lambda: accepted.fileno() < 0, 10, "the end of patience")


async def test_a_head_in_single_bytes_opens_the_stream(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    head = await request_head(http, desk, large, None)
    async with connected(http, desk, large, head=head[:1]) as line:
        for place in range(1, len(head)):
            line.writer.write(head[place : place + 1])
            await line.writer.drain()
        await line.opened()
        said = await say(bff_data, desk.tenant_id, ["all"])
        assert ids(await line.got(1)) == said


async def test_what_a_client_sends_into_its_open_stream_is_ignored(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large) as line:
        await line.opened()
        line.writer.write(b"GET / HTTP/1.1\r\n\r\n" * 5000)
        said = await say(bff_data, desk.tenant_id, ["all"])
        assert ids(await line.got(1)) == said


async def test_out_of_files_callers_wait_and_the_loop_does_not_spin(large: Bff, logs: Path) -> None:
    """A caller that has said nothing is the kernel's; when it speaks there is no file to take it in with."""
    process, seen = large.process.pid, (logs / "large.log").stat().st_size
    reader, writer = await asyncio.open_connection("127.0.0.1", large.stream_port)
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (1, before[1]))
    try:
        writer.write(GET + b"\r\n")
        await asyncio.sleep(1.0)
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)
    async with asyncio.timeout(30):
        assert refusal(await reader.read())[0] == 401
    writer.close()
    told = (logs / "large.log").read_bytes()[seen:]
    assert 1 <= told.count(b"stream.not_accepting") <= 15


async def test_no_request_met_the_last_resort(large: Bff, logs: Path) -> None:
    """Runs after the tests above."""
    told = (logs / "large.log").read_bytes()
    for trouble in (b"stream.failed", b"Traceback", b"Fatal error"):
        assert trouble not in told
