"""The stream's own listener: a protocol that reads one request, then only writes.

The door is asked in a short task; after that a connection has no task, queue, timer or parser of its own.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httptools
import structlog
from fastapi import Response

from chassis import problems
from chassis.errors import DomainError, Transient
from services.bff.answers import refusal, stream_head, turned_away
from services.bff.api import STREAM_PATH
from services.bff.audiences import audiences_of
from services.bff.bounds import MAX_HEADERS, MAX_URL, OPENING_SECONDS
from services.bff.door import Guest, Knock
from services.bff.frames import Cursor
from services.bff.hub import Hub, Stream
from services.bff.limits import Step
from services.bff.sessions.desks import Seat
from services.bff.streams import Streams

log = structlog.get_logger(__name__)
TICK_SECONDS = 0.25
SEND_BUFFER_BYTES = 131_072
"""In the kernel per connection; more is kept by us, and bounded."""
BACKLOG = 4096
"""Connections that wait to be accepted: a wave that comes back at once must not wait for TCP to try again."""
ACCEPTED_PER_TURN = 16
"""The loop takes one connection per listening handle and turn, which holds a wave up while a turn is full of work."""
READ = {name.encode(): name for name in ("authorization", "dpop", "last-event-id", "accept-language")}
"""All that is kept of a request's head."""
DEAD_SECONDS = 60
"""What is unacknowledged for so long breaks the connection (TCP_USER_TIMEOUT, RFC 5482)."""


class Line(asyncio.Protocol):
    """An open stream's side of its connection, and the hub's sink: of the request nothing is left."""

    __slots__ = ("_hub", "_stream", "_transport")

    def __init__(self, transport: asyncio.Transport, hub: Hub) -> None:
        self._transport = transport
        self._hub = hub
        self._stream: Stream | None = None
        # Low water at nothing: a parked reader goes on when all was taken.
        transport.set_write_buffer_limits(high=hub.unsent_bytes, low=0)

    def carry(self, stream: Stream) -> None:
        """From here on the transport's news are the stream's."""
        self._stream = stream
        self._transport.set_protocol(self)

    def resume_writing(self) -> None:
        if self._stream is not None:
            self._hub.drained(self._stream, asyncio.get_running_loop().time())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._stream is not None:
            self._hub.detach(self._stream)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    def finish(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


class StreamProtocol(asyncio.Protocol):
    """One connection until its stream is open: reads one request, asks the door, answers."""

    __slots__ = (
        "_headers",
        "_is_read",
        "_opening",
        "_parser",
        "_size",
        "_step",
        "_streams",
        "_task",
        "_transport",
        "_url",
    )

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._parser: Any = httptools.HttpRequestParser(self)
        self._headers: dict[str, list[str]] = {}
        self._size = 0
        self._url = b""
        self._transport: asyncio.Transport | None = None
        self._is_read = False
        self._step = Step.AWAY
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a server's transport writes
        loop = asyncio.get_running_loop()
        self._opening = loop.call_later(OPENING_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        if self._is_read:
            return  # whatever follows the request is not ours
        self._size += len(data)
        if self._size > MAX_HEADERS:
            self._refuse(
                problems.problem(431, "CHASSIS.BAD_REQUEST", "The request's head is too large.", "en")
            )
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._refuse(
                problems.problem(
                    400, "CHASSIS.BAD_REQUEST", f"Not a request that is taken here: {error}", "en"
                )
            )
            return
        if self._is_read:
            self._admit()

    def _admit(self) -> None:
        loop = asyncio.get_running_loop()
        is_stream = self._url.startswith(STREAM_PATH.encode())
        connections = self._streams.hub.connections
        why = self._streams.admission.refusal(connections, loop.time()) if is_stream else None
        if why is not None:
            self._say_last(turned_away(self._language(), self._streams.door.nonce()))
        elif is_stream:
            self._move(Step.KNOCKING)
            self._streams.turnstile.line_up(self._start)
        else:
            self._start()

    def _start(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._task = asyncio.get_running_loop().create_task(self._open())

    def _move(self, step: Step) -> None:
        if step is not self._step:
            self._streams.admission.moved(self._step, step)
            self._step = step

    def on_message_begin(self) -> None:
        if self._is_read:  # its headers would be taken for those of the first one
            raise ValueError("one request per connection")

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        known = READ.get(name.lower())
        if known is not None:
            self._headers.setdefault(known, []).append(value.decode("latin-1"))

    def on_message_complete(self) -> None:
        self._is_read = True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._opening.cancel()
        self._move(Step.AWAY)
        if self._task is not None:
            self._task.cancel()

    def header(self, name: str) -> str:
        return self._headers.get(name, [""])[0]

    async def _open(self) -> None:
        language = self._language()
        try:
            await self._answer(language)
        except DomainError as error:
            self._refuse(
                problems.problem(
                    error.status, error.code, error.detail, language, error.headers, **error.extras
                )
            )
        except Transient as error:
            log.warning("stream.unavailable", error=str(error))
            self._refuse(problems.unavailable(language), str(random.randint(1, 3)))  # noqa: S311  # spreads reconnects
        except Exception:
            # The last resort of a task that nobody awaits.
            log.exception("stream.failed")
            self._refuse(problems.internal(language))
        finally:
            self._move(Step.AWAY)
            self._parser = self._task = None  # each holds this object, and would keep it until a collection

    def _language(self) -> str:
        return problems.language_of(self.header("accept-language"))

    async def _answer(self, language: str) -> None:
        if len(self._url) > MAX_URL:
            self._refuse(problems.problem(414, "CHASSIS.BAD_REQUEST", "The address is too long.", language))
            return
        path, query = address_of(self._url)
        if path == "/livez":
            self._refuse(Response(b'{"status":"alive"}', 200, media_type="application/json"))
            return
        if path != STREAM_PATH or self._parser.get_method() != b"GET":
            self._refuse(problems.problem(404, "CHASSIS.NOT_FOUND", f"GET {STREAM_PATH} is here.", language))
            return
        seen = self._streams.where()
        guest = await self._streams.door.admit(self._knock(path))
        cursor = self.header("last-event-id") or query.get("cursor", [""])[0]
        seat = await self._streams.desks.seat(guest, query.get("session", [""])[0])
        await self._begin(guest, seat, cursor, seen)

    def _knock(self, path: str) -> Knock:
        return Knock(
            "GET",
            f"{self._streams.origin}{path}",
            self.header("authorization"),
            self._headers.get("dpop", []),
        )

    async def _begin(self, guest: Guest, seat: Seat, cursor: str, seen: Cursor) -> None:
        if self._transport is None:
            return
        audiences = audiences_of(
            guest.member_id, guest.device_id, guest.scope.properties, guest.scope.backoffice_roles
        )
        line = Line(self._transport, self._streams.hub)
        stream = self._streams.new_stream(guest, seat, audiences, line, seen.seq)
        head = stream_head(self._streams.door.nonce())
        await self._streams.begin(stream, cursor, head, seen.epoch, self._answered)
        line.carry(stream)  # before anything is awaited: what the transport says next is the stream's
        self._streams.evictions.tell(stream)

    def _answered(self) -> None:
        self._opening.cancel()
        self._move(Step.ANSWERED)

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, answer: Response, retry_after: str | None = None) -> None:
        self._say_last(refusal(answer, self._streams.door.nonce(), retry_after))

    def _say_last(self, data: bytes) -> None:
        self._opening.cancel()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self._transport.close()


def address_of(url: bytes) -> tuple[str, dict[str, list[str]]]:
    """Path and query; the path is empty where the target of the request has none (`*`, a host)."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return "", {}
    query = (parsed.query or b"").decode("latin-1")
    return (parsed.path or b"").decode("latin-1"), parse_qs(query)


class StreamListener:
    """A server of the runtime: accepts, drives the hub, and on stop sends everybody elsewhere, evenly over time.

    `Streams` opens the streams; of it are used `hub door desks admission turnstile evictions origin where new_stream begin
    stop_admitting drain`, so that a benchmark can give something smaller whose door lets everybody in.
    """

    name = "stream-listener"

    def __init__(self, streams: Streams, host: str, port: int, drain_seconds: float = 0.0) -> None:
        self._streams = streams
        self._place = (host, port)
        self._drain_seconds = drain_seconds
        self._stopping = asyncio.Event()
        self._awake = asyncio.Event()

    async def run(self) -> None:
        await self._streams.evictions.listen()
        with listening_socket(*self._place) as listening:
            servers = [await self._server(listening.dup()) for _ in range(ACCEPTED_PER_TURN)]
        try:
            async with asyncio.TaskGroup() as group:
                sweeping = group.create_task(self._sweep())
                await self._tick(self._stopping.is_set)
                close_all(servers)
                await self._drain()
                sweeping.cancel()
        finally:
            close_all(servers)
            self._streams.drain(1, 0)

    async def _server(self, listening: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: StreamProtocol(self._streams), sock=listening, backlog=BACKLOG
        )

    async def _sweep(self) -> None:
        """Give out what was said, as soon as it has waited for others."""
        loop, hub = asyncio.get_running_loop(), self._streams.hub
        hub.on_work = self._awake.set
        while True:
            wait = hub.step(loop.time())
            if wait is None:
                await self._awake.wait()
                self._awake.clear()
            else:
                await asyncio.sleep(wait)

    async def _tick(self, is_enough: Callable[[], bool]) -> None:
        loop, hub = asyncio.get_running_loop(), self._streams.hub
        while not is_enough():
            while hub.tick(loop.time()):
                await asyncio.sleep(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await (asyncio.sleep(TICK_SECONDS) if self._stopping.is_set() else self._stopping.wait())

    async def _drain(self) -> None:
        """Those who are still here are served meanwhile."""
        loop = asyncio.get_running_loop()
        self._streams.stop_admitting()
        end = loop.time() + self._drain_seconds
        await self._tick(lambda: not self._streams.drain(TICK_SECONDS, end - loop.time()))

    async def stop(self) -> None:
        self._stopping.set()


def close_all(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()


def listening_socket(host: str, port: int) -> socket.socket:
    """What it accepts inherits: small kernel buffers, and an end of patience with who is gone without a word."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_SECONDS * 1000)
    return listening
