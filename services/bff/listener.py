"""The stream's own listener: accepts, turns away who is too many at a glance, and drives the hub.

Who may come in is opened for by a short task; after that a connection has no task, queue, timer or parser of its own.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

import structlog

from services.bff.answers import turned_away
from services.bff.opening import Opening, say_at_once
from services.bff.request_head import asks_for_a_stream, language_in
from services.bff.streams import Streams
from services.bff.wheel import Wheel

log = structlog.get_logger(__name__)
TICK_SECONDS = 0.25
SEND_BUFFER_BYTES = 131_072
"""In the kernel per connection; more is kept by us, and bounded."""
BACKLOG = 4096
"""Connections that wait to be accepted: a wave that comes back at once must not wait for TCP to try again."""
ACCEPTED_PER_TURN = 32
"""Then others have their turn: about a millisecond of refusals."""
ACCEPTED_WHILE_GIVING_OUT = 8
FULL_SECONDS = 0.002
"""Where somebody was turned away the next ones gather so long; one by one they would cost the loop a turn each."""
NO_FILES_SECONDS = 0.1
"""Until it is tried again to accept, when it failed."""
HEAD_BYTES = 16_384
"""Of a request that are looked at in one go; a longer head is read in several."""
DEAD_SECONDS = 60
"""What is unacknowledged for so long breaks the connection (TCP_USER_TIMEOUT, RFC 5482)."""
SILENT_SECONDS = 5
"""So long the kernel keeps a connection on which nothing was sent yet to itself (TCP_DEFER_ACCEPT)."""


class StreamListener:
    """A server of the runtime: accepts, drives the hub, and on stop sends everybody elsewhere, evenly over time."""

    name = "stream-listener"

    def __init__(self, streams: Streams, host: str, port: int, drain_seconds: float = 0.0) -> None:
        self._streams = streams
        self._place = (host, port)
        self._drain_seconds = drain_seconds
        self._stopping = asyncio.Event()
        self._awake = asyncio.Event()
        self._patience: Wheel[Opening] = Wheel()

    async def run(self) -> None:
        await self._streams.evictions.listen()
        listening = listening_socket(*self._place)
        try:
            async with asyncio.TaskGroup() as group:
                sweeping = group.create_task(self._sweep())
                self._accept_from(listening)
                await self._tick(self._stopping.is_set)
                self._close(listening)
                await self._drain()
                sweeping.cancel()
        finally:
            self._close(listening)
            self._streams.drain(1, 0)

    def _accept_from(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listening, self._accept_some, listening)

    def _close(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()

    def _accept_some(self, listening: socket.socket) -> None:
        """Again in the loop's next turn while somebody waits there; some time later where somebody was turned away."""
        is_pressed, is_full = self._streams.hub.is_giving_out, False
        for _ in range(ACCEPTED_WHILE_GIVING_OUT if is_pressed else ACCEPTED_PER_TURN):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                break
            except OSError as error:  # no file, no memory: it would be as readable as before at once
                log.warning("stream.not_accepting", error=str(error))
                self._pause(listening, NO_FILES_SECONDS)
                return
            is_full |= self._meet(connection)
        if is_full:
            self._pause(listening, FULL_SECONDS)

    def _pause(self, listening: socket.socket, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(seconds, self._accept_from, listening)

    def _meet(self, connection: socket.socket) -> bool:
        """Whether it was turned away: who is too many is told so before there is a parser, a task or a transport."""
        try:
            data = connection.recv(HEAD_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            data = b""
        except OSError:
            connection.close()
            return False
        is_plain = asks_for_a_stream(data)
        if is_plain and self._streams.turns_away():
            say_at_once(connection, turned_away(language_in(data), self._streams.door.nonce()))
            return True
        connection.setblocking(False)
        opening = Opening(self._streams, self._patience, connection)
        if is_plain:
            opening.line_up(data)
        else:
            opening.start(data)
        return False

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
            for opening in self._patience.due(loop.time()):
                opening.give_up()
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


def listening_socket(host: str, port: int) -> socket.socket:
    """What it accepts inherits: small kernel buffers, and an end of patience with who is gone without a word."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_SECONDS * 1000)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENT_SECONDS)
    listening.setblocking(False)
    return listening
