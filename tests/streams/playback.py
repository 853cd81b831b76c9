"""A small server between a client and the stream: plays frames, cuts them where it is told, notes what it was asked for.

Every address plays once; whoever comes back to it is told 204, which ends an EventSource. A live one stands before a
real bff and adds what a browser cannot: token and proof.
"""

import asyncio
import contextlib
import fcntl
import struct
import termios
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.infra import eventually

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n"
NO_MORE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
FOLLOW = Path(__file__).with_name("follow.mjs")
PAGE = """<!doctype html><script type="module">
import { follow, followAll } from "/follow.mjs";
for (;;) {
  const { urls, types } = await (await fetch("/job")).json();
  const told = await followAll((url) => follow(EventSource, url, types), urls, 5);
  await fetch("/told", { method: "POST", body: JSON.stringify(told) });
}
</script>"""

Headers = Callable[[], Awaitable[dict[str, str]]]
Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def number(self, name: str) -> int:
        return int(parse_qs(urlsplit(self.target).query)[name][0])


@dataclass
class Live:
    """A way to a real stream: what passed on each connection, and when the next one is cut."""

    address: tuple[str, int]
    target: str
    headers: Headers
    passed: list[bytearray] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    cuts_next_event: bool = False
    is_over: bool = False
    _writer: asyncio.StreamWriter | None = None

    async def answer(self, request: Request, client: asyncio.StreamWriter) -> None:
        if self.is_over:
            client.write(NO_MORE)
            return
        asked = {**await self.headers(), "Host": "bff", "Accept": request.headers["accept"]}
        if "last-event-id" in request.headers:
            asked["Last-Event-ID"] = request.headers["last-event-id"]
        lines = [f"GET {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items())]
        reader, writer = await asyncio.open_connection(*self.address, limit=1 << 20)
        self._writer = writer
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            client.write(self.heads[-1])
            self.passed.append(bytearray())
            await self._pass(reader, client)
        finally:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while True:
            try:
                frame = await reader.readuntil(b"\n\n")
            except asyncio.IncompleteReadError as rest:
                client.write(rest.partial)
                return
            if self.cuts_next_event and b'"prev":' in frame:
                client.write(frame[:-4])
                self.cuts_next_event = False
                return
            client.write(frame)
            self.passed[-1] += frame

    def finish(self) -> None:
        """Ends the connection; there is no other."""
        self.is_over = True
        if self._writer is not None:
            self._writer.transport.abort()


@dataclass
class Playback:
    """`asked` has the Last-Event-ID of every request by its address, None where there was none."""

    frames: bytes
    port: int = 0
    asked: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    accepts: set[str] = field(default_factory=set)
    lives: dict[str, Live] = field(default_factory=dict)
    jobs: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    told: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    _lines: set["asyncio.Task[None]"] = field(default_factory=set)

    def url(self, target: str) -> str:
        return f"http://127.0.0.1:{self.port}{target}"

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.create_task(self._take(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def end(self) -> None:
        """Break what stands."""
        for _ in range(3):  # what was accepted meanwhile begins first, and ends like the others
            await asyncio.sleep(0)
            for line in tuple(self._lines):
                line.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._route(await request_of(reader), writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _route(self, request: Request, writer: asyncio.StreamWriter) -> None:
        fixed: dict[str, Answer] = {
            "/page": self._page, "/follow.mjs": self._script, "/job": self._job, "/told": self._told,
            "/favicon.ico": self._nothing,
        }  # fmt: skip
        if request.path in fixed:
            await fixed[request.path](request, writer)
            return
        asked = self.asked[request.target]
        asked.append(request.headers.get("last-event-id"))
        self.accepts.add(request.headers.get("accept", ""))
        if request.path in self.lives:
            await self.lives[request.path].answer(request, writer)
        elif len(asked) > 1:
            writer.write(NO_MORE)
        else:
            await self._play(request, writer)

    async def _play(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """`/cut?at=7` ends behind that byte, `/split?at=7` pauses there until the other side has what came before."""
        place = request.number("at")
        writer.write(HEAD + self.frames[:place])
        if request.path == "/split":
            await taken(writer)
            writer.write(self.frames[place:])

    async def _page(self, _: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(whole("text/html", PAGE.encode()))

    async def _script(self, _: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(whole("text/javascript", FOLLOW.read_bytes()))

    async def _job(self, _: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(whole("application/json", await self.jobs.get()))

    async def _told(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.told.put_nowait(request.body)
        writer.write(whole("application/json", b"{}"))

    async def _nothing(self, _: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(NO_MORE)


@asynccontextmanager
async def playing(frames: bytes) -> AsyncIterator[Playback]:
    """A server for these frames."""
    found = Playback(frames)
    server = await asyncio.start_server(found.connected, "127.0.0.1", 0, limit=1 << 20)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await found.end()


async def request_of(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(first.split(" ")[1], headers, body)


def whole(media_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def taken(writer: asyncio.StreamWriter) -> None:
    """Until the other side's kernel has all that was written, so that what follows comes apart from it."""
    connection = writer.get_extra_info("socket")

    def is_taken() -> bool:
        left = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return writer.transport.get_write_buffer_size() == 0 and struct.unpack("i", left) == (0,)

    await eventually(is_taken)


def job_of(urls: list[str], types: tuple[str, ...]) -> bytes:
    return orjson.dumps({"urls": urls, "types": types})
