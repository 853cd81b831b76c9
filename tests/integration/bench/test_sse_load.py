"""The load generator of `bench.sse` counts what was sent, wherever the stream was cut, and no answer that is none."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.sse import event
from bench.sse.load import Generator, build

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) here")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
ASK = b"GET / HTTP/1.1\r\n\r\n"
Writer = Callable[[asyncio.StreamWriter, bytes], None]


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        build(Path(name))
        yield Path(name)


def whole(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(frame)


def chunked(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))


def in_bytes(writer: asyncio.StreamWriter, frame: bytes) -> None:
    for place in range(len(frame)):
        writer.write(frame[place : place + 1])


class Fake:
    """Answers each stream with `head`, and writes to all of them what is published."""

    def __init__(self, head: bytes, write: Writer) -> None:
        self.head = head
        self.write = write
        self.writers: list[asyncio.StreamWriter] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        assert await reader.readexactly(len(ASK)) == ASK
        writer.write(self.head)
        with contextlib.suppress(ConnectionError):
            await reader.read()

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                frame = await reader.readexactly(event.FRAME_BYTES)
                for stream in self.writers:
                    self.write(stream, frame)
        except asyncio.IncompleteReadError:
            writer.close()


async def deliveries(programs: Path, head: bytes, write: Writer) -> tuple[int, int]:
    """(published events × streams, counted deliveries)."""
    fake = Fake(head, write)
    streams = await asyncio.start_server(fake.take, "127.0.0.1", 0)
    publish = await asyncio.start_server(fake.hear, "127.0.0.1", 0)
    try:
        ports = [server.sockets[0].getsockname()[1] for server in (streams, publish)]
        load = await Generator.attach(programs, [ASK] * 3, event.frame(event.data()), ports[:1], ports[1:])
        found = await load.closed(1, 0.0, 20)
        await load.end()
        assert found.lost == 0
        assert 0 < found.p50_ms <= found.p99_ms
        return found.events * 3, found.deliveries
    finally:
        for server in (streams, publish):
            server.close()
        for writer in fake.writers:
            writer.transport.abort()


@pytest.mark.parametrize("write", [whole, chunked, in_bytes])
async def test_each_event_counts_once_however_it_is_cut(programs: Path, write: Writer) -> None:
    sent, counted = await deliveries(programs, HEAD, write)
    assert sent == counted == 60


async def test_a_server_that_refuses_ends_the_run(programs: Path) -> None:
    with pytest.raises(RuntimeError, match="0 of 3 streams"):
        await deliveries(programs, b"HTTP/1.1 503 Service Unavailable\r\n\r\n", whole)


def test_the_frame_has_the_size_that_is_told() -> None:
    assert len(event.frame(event.data())) == event.FRAME_BYTES
    assert event.data().count(b"@" * 20) == 1
