"""A client of the stream on a bare socket: it can stop reading, and it keeps every event that it was given."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from httpx_sse import ServerSentEvent
from httpx_sse._decoders import SSEDecoder

from tests.infra import eventually
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import STREAM, Bff

OURS = frozenset(
    {
        "retry",
        "hello",
        "hb",
        "reset",
        "bye",
        "resync",
        "session.revoked",
        "session.expiring",
        "tenant.disabled",
    }
    | {"version.advisory", "version.blocked", "locks.halted", "locks.resumed"}
)


@dataclass
class Line:
    """One connection. `events` are those of the feed, `control` all others, in the order in which they came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""
    cursor: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    control: list[ServerSentEvent] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    retries: list[int] = field(default_factory=list)
    is_over: bool = False
    may_read: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def said(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(event.data) for event in self.control if event.event == name]

    @property
    def hello(self) -> dict[str, Any]:
        return self.said("hello")[0]

    async def opened(self) -> "Line":
        await eventually(lambda: bool(self.said("hello")) or self.is_over, what="hello")
        return self

    async def got(self, count: int, limit: float = 15.0) -> list[dict[str, Any]]:
        """Wait for that many events."""
        await eventually(lambda: len(self.events) >= count, limit, f"{count} events")
        return self.events

    async def ended(self, limit: float = 15.0) -> None:
        await eventually(lambda: self.is_over, limit, "the end of the stream")

    async def read(self) -> None:
        """Until the other side ends it."""
        decoder, rest = SSEDecoder(), b""
        try:
            self.head = await self.reader.readuntil(b"\r\n\r\n")
            while True:
                await self.may_read.wait()
                data = await self.reader.read(65_536)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if (event := decoder.decode(line.decode())) is not None:
                        self._take(event)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.is_over = True

    def _take(self, event: ServerSentEvent) -> None:
        if event.retry is not None:
            self.retries.append(event.retry)
        if event.id:
            self.cursor = event.id
        if event.event in OURS or not event.data:
            self.control.append(event)
            return
        self.ids.append(event.id)
        self.events.append(json.loads(event.data))


async def request_head(
    http: httpx.AsyncClient, desk: Desk, bff: Bff, cursor: str | None, query: str = ""
) -> bytes:
    """A request for the stream with nothing wrong in it."""
    headers = await desk.headers(http, "GET", f"{bff.stream}{STREAM}")
    headers |= {"Host": "localhost", "Accept": "text/event-stream"}
    if cursor is not None:
        headers["Last-Event-ID"] = cursor
    lines = [f"GET {STREAM}{query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@asynccontextmanager
async def connected(
    http: httpx.AsyncClient,
    desk: Desk,
    bff: Bff,
    cursor: str | None = None,
    *,
    slow: bool = False,
    head: bytes = b"",
    query: str = "",
) -> AsyncIterator[Line]:
    """A stream; a slow one takes little into its buffers and reads only when it is let."""
    connection = socket.socket()
    if slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", bff.stream_port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096 if slow else 65_536)
    writer.write(head or await request_head(http, desk, bff, cursor, query))
    line = Line(reader, writer)
    line.may_read.set()
    task = asyncio.create_task(line.read())
    try:
        yield line
    finally:
        task.cancel()
        writer.transport.abort()
        await asyncio.gather(task, return_exceptions=True)
