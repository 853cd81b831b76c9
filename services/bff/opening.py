"""One who came, until its stream is open or it was told why not: a short task with a bare connection.

Only who is let in gets a transport; all others are written to and closed.
"""

import asyncio
import contextlib
import random
import socket

import structlog
from fastapi import Response

from chassis import problems
from chassis.errors import DomainError, Transient
from services.bff.answers import refusal, stream_head, turned_away
from services.bff.api import STREAM_PATH
from services.bff.audiences import audiences_of
from services.bff.bounds import MAX_URL, OPENING_SECONDS
from services.bff.door import Guest, Knock
from services.bff.frames import Cursor
from services.bff.limits import Step
from services.bff.line import Line
from services.bff.request_head import NotARequest, RequestHead, TooLarge, address_of
from services.bff.sessions.desks import Seat
from services.bff.streams import Streams
from services.bff.wheel import Wheel

log = structlog.get_logger(__name__)
READ_AT_ONCE = 65_536


class Opening:
    """`patience`: in this wheel it waits until it is answered; `give_up` is for whom it hands out."""

    __slots__ = ("_connection", "_head", "_line", "_patience", "_place", "_step", "_streams", "_task")

    def __init__(self, streams: Streams, patience: "Wheel[Opening]", connection: socket.socket) -> None:
        now = streams.loop.time()
        self._streams = streams
        self._patience = patience
        self._place = patience.put(self, now + OPENING_SECONDS, now)
        self._connection = connection
        self._head = RequestHead()
        self._line: Line | None = None
        self._task: asyncio.Task[None] | None = None
        self._step = Step.AWAY

    def line_up(self, data: bytes) -> None:
        """For one that was admitted with the whole head of its request."""
        self._move(Step.KNOCKING)
        self._streams.turnstile.line_up(lambda: self.start(data))

    def start(self, data: bytes) -> None:
        self._task = self._streams.loop.create_task(self._run(data))

    def give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _move(self, step: Step) -> None:
        if step is not self._step:
            self._streams.admission.moved(self._step, step)
            self._step = step

    async def _run(self, data: bytes) -> None:
        try:
            await self._open(data)
        except DomainError as error:
            said = (error.status, error.code, error.detail, self._head.language, error.headers)
            self._refuse(problems.problem(*said, **error.extras))
        except Transient as error:
            log.warning("stream.unavailable", error=str(error))
            self._refuse(problems.unavailable(self._head.language), str(random.randint(1, 3)))  # noqa: S311  # spreads reconnects
        except OSError:
            self._close()  # the caller has gone
        except Exception:
            # The last resort of a task that nobody awaits.
            log.exception("stream.failed")
            self._refuse(problems.internal(self._head.language))
        except asyncio.CancelledError:
            self._close()
            raise
        finally:
            self._answered()
            self._move(Step.AWAY)
            self._task = None

    async def _open(self, data: bytes) -> None:
        try:
            await self._read(data)
        except TooLarge as error:
            self._refuse(problems.problem(431, "CHASSIS.BAD_REQUEST", str(error), "en"))
            return
        except NotARequest as error:
            self._refuse(problems.problem(400, "CHASSIS.BAD_REQUEST", str(error), "en"))
            return
        if self._head.is_for_a_stream and self._step is Step.AWAY:
            if self._streams.turns_away():
                self._say_last(turned_away(self._head.language, self._streams.door.nonce()))
                return
            self._move(Step.KNOCKING)
            await self._streams.turnstile.passed()
        await self._answer()

    async def _read(self, data: bytes) -> None:
        """Raises NotARequest, OSError."""
        self._head.feed(data)
        while not self._head.is_whole:
            more = await self._streams.loop.sock_recv(self._connection, READ_AT_ONCE)
            if not more:
                raise ConnectionResetError
            self._head.feed(more)

    async def _answer(self) -> None:
        language = self._head.language
        if len(self._head.url) > MAX_URL:
            self._refuse(problems.problem(414, "CHASSIS.BAD_REQUEST", "The address is too long.", language))
            return
        path, query = address_of(self._head.url)
        if path == "/livez":
            self._refuse(Response(b'{"status":"alive"}', 200, media_type="application/json"))
            return
        if path != STREAM_PATH or self._head.method != b"GET":
            self._refuse(problems.problem(404, "CHASSIS.NOT_FOUND", f"GET {STREAM_PATH} is here.", language))
            return
        seen = self._streams.where()
        guest = await self._streams.door.admit(self._knock(path))
        structlog.contextvars.bind_contextvars(tenant_id=str(guest.tenant_id))
        cursor = self._head.header("last-event-id") or query.get("cursor", [""])[0]
        seat = await self._streams.desks.seat(guest, query.get("session", [""])[0])
        await self._begin(guest, seat, cursor, seen)

    def _knock(self, path: str) -> Knock:
        head = self._head
        return Knock(
            "GET", f"{self._streams.origin}{path}", head.header("authorization"), head.headers("dpop")
        )

    async def _begin(self, guest: Guest, seat: Seat, cursor: str, seen: Cursor) -> None:
        streams = self._streams
        line = await self._connected()
        audiences = audiences_of(
            guest.member_id, guest.device_id, guest.scope.properties, guest.scope.backoffice_roles
        )
        stream = streams.new_stream(guest, seat, audiences, line, seen.seq)
        head = stream_head(streams.door.nonce())
        await streams.begin(stream, cursor, head, seen.epoch, self._answered)
        line.carry(stream)  # before anything is awaited: what the transport says next is the stream's
        streams.evictions.tell(stream)

    async def _connected(self) -> Line:
        """Raises OSError."""
        line = Line(self._streams.hub)
        try:
            await self._streams.loop.connect_accepted_socket(lambda: line, self._connection)
        except BaseException:
            self._connection.detach()  # the transport has closed it, and its number may be somebody else's by now
            raise
        self._line = line
        line.ends(self._task)
        return line

    def _answered(self) -> None:
        self._patience.remove(self, self._place)
        self._move(Step.ANSWERED)

    def _refuse(self, answer: Response, retry_after: str | None = None) -> None:
        self._say_last(refusal(answer, self._streams.door.nonce(), retry_after))

    def _say_last(self, data: bytes) -> None:
        if self._line is None:
            say_last(self._connection, data)
        else:
            self._line.write(data)
            self._line.finish()

    def _close(self) -> None:
        if self._line is None:
            self._connection.close()
        else:
            self._line.abort()


def say_last(connection: socket.socket, data: bytes) -> None:
    """What was sent and not read is taken out first: a connection that is closed over it is reset, and the answer lost."""
    with contextlib.suppress(OSError):
        connection.send(data, socket.MSG_DONTWAIT)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(READ_AT_ONCE, socket.MSG_DONTWAIT)
    connection.close()


def say_at_once(connection: socket.socket, data: bytes) -> None:
    """The last word to one who said no more than a whole request, all of which was read."""
    with contextlib.suppress(OSError):
        connection.send(data, socket.MSG_DONTWAIT)
    connection.close()
