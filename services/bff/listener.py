"""The stream's own listener: a protocol that reads one request, then only writes.

The door is asked in a short task; after that a connection has no task, queue or timer of its own.
"""

import asyncio
import random
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import httptools
import structlog
from fastapi import Response

from chassis import problems
from chassis.errors import DomainError, Transient
from services.bff.api import STREAM_PATH
from services.bff.audiences import audiences_of
from services.bff.bounds import MAX_HEADERS, MAX_URL, OPENING_SECONDS
from services.bff.door import Guest, Knock
from services.bff.frames import Cursor
from services.bff.hub import Stream
from services.bff.streams import Streams

log = structlog.get_logger(__name__)


class TransportSink:
    """A transport as the hub's sink."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

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
    """One connection."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[str, list[str]] = {}
        self._size = 0
        self._url = b""
        self._transport: asyncio.Transport | None = None
        self._is_read = False
        self._task: asyncio.Task[None] | None = None
        self._stream: Stream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a server's transport writes
        loop = asyncio.get_running_loop()
        self._opening = loop.call_later(OPENING_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        if self._task is not None:
            return  # the request was read; whatever follows is not ours
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
            self._task = asyncio.get_running_loop().create_task(self._open())

    def on_message_begin(self) -> None:
        if self._is_read:  # its headers would be taken for those of the first one
            raise ValueError("one request per connection")

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def on_message_complete(self) -> None:
        self._is_read = True

    def resume_writing(self) -> None:
        if self._stream is not None:
            self._streams.hub.drained(self._stream, asyncio.get_running_loop().time())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._opening.cancel()
        if self._task is not None:
            self._task.cancel()
        if self._stream is not None:
            self._streams.hub.detach(self._stream)

    def header(self, name: str) -> str:
        return self._headers.get(name, [""])[0]

    async def _open(self) -> None:
        language = problems.language_of(self.header("accept-language"))
        try:
            if len(self._url) > MAX_URL:
                self._refuse(
                    problems.problem(414, "CHASSIS.BAD_REQUEST", "The address is too long.", language)
                )
                return
            path, query = address_of(self._url)
            if path == "/livez":
                self._refuse(Response(b'{"status":"alive"}', 200, media_type="application/json"))
                return
            if path != STREAM_PATH or self._parser.get_method() != b"GET":
                self._refuse(
                    problems.problem(404, "CHASSIS.NOT_FOUND", f"GET {STREAM_PATH} is here.", language)
                )
                return
            hub = self._streams.hub
            seen = Cursor(hub.epoch, hub.head)
            guest = await self._streams.door.admit(self._knock(path))
            cursor = self.header("last-event-id") or query.get("cursor", [""])[0]
            session = await self._streams.desks.in_session(guest, query.get("session", [""])[0])
            await self._begin(guest, session, cursor, seen)
        except DomainError as error:
            self._refuse(
                problems.problem(
                    error.status, error.code, error.detail, language, error.headers, **error.extras
                )
            )
        except Transient as error:
            log.warning("stream.unavailable", error=str(error))
            self._refuse(
                problems.problem(503, "CHASSIS.UNAVAILABLE", str(error), language, {"Retry-After": "2"})
            )
        except Exception:
            # The last resort of a task that nobody awaits.
            log.exception("stream.failed")
            self._refuse(problems.problem(500, "CHASSIS.INTERNAL", "Something broke on our side.", language))

    def _knock(self, path: str) -> Knock:
        return Knock(
            "GET",
            f"{self._streams.origin}{path}",
            self.header("authorization"),
            self._headers.get("dpop", []),
        )

    async def _begin(self, guest: Guest, session: str, cursor: str, seen: Cursor) -> None:
        if self._transport is None:
            return
        audiences = audiences_of(
            guest.member_id, guest.device_id, guest.scope.properties, guest.scope.backoffice_roles
        )
        sink = TransportSink(self._transport)
        # Low water at nothing: a parked reader goes on when all was taken.
        self._transport.set_write_buffer_limits(high=self._streams.hub.unsent_bytes, low=0)
        life = self._streams.life_of(guest.claims.expires_at)
        now = asyncio.get_running_loop().time()
        beat = self._streams.hub.beat_seconds * random.uniform(0.9, 1.1)  # noqa: S311  # spreads beats
        stream = Stream(
            guest.tenant_id, guest.device_id, audiences, sink, now + life, now + beat, seen.seq, session
        )
        head = response_head(HTTPStatus.OK, {**STREAM_HEADERS, "DPoP-Nonce": self._streams.door.nonce()})
        await self._streams.begin(stream, cursor, head, seen.epoch)
        self._opening.cancel()
        self._stream = stream

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, answer: Any) -> None:
        self._opening.cancel()
        if self._transport is None or self._transport.is_closing():
            return
        ours = {"connection", "dpop-nonce"}
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in ours}
        headers |= {"Connection": "close", "DPoP-Nonce": self._streams.door.nonce()}
        self._transport.write(response_head(HTTPStatus(answer.status_code), headers) + answer.body)
        self._transport.close()


def address_of(url: bytes) -> tuple[str, dict[str, list[str]]]:
    """Path and query; the path is empty where the target of the request has none (`*`, a host)."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return "", {}
    query = (parsed.query or b"").decode("latin-1")
    return (parsed.path or b"").decode("latin-1"), parse_qs(query)


STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "Connection": "close",
}


def response_head(status: HTTPStatus, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class StreamListener:
    """A server of the runtime: accepts, ticks, and on stop sends everybody elsewhere."""

    name = "stream-listener"

    def __init__(self, streams: Streams, host: str, port: int) -> None:
        self._streams = streams
        self._place = (host, port)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: StreamProtocol(self._streams), *self._place, backlog=4096)
        try:
            while not self._stopping.is_set():
                try:
                    async with asyncio.timeout(1.0):
                        await self._stopping.wait()
                except TimeoutError:
                    self._streams.hub.tick(loop.time())
        finally:
            server.close()
            self._streams.drain()

    async def stop(self) -> None:
        self._stopping.set()
