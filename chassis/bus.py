"""The connection to NATS: connects in the background, reconnects for ever, asks and answers."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis.errors import Transient

log = structlog.get_logger(__name__)

Responder = Callable[[bytes], Awaitable[bytes]]
Listener = Callable[[Msg], Awaitable[None]]

RECONNECT_SECONDS = 0.5
CONNECT_TIMEOUT_SECONDS = 2
PING_SECONDS = 20
PENDING_BYTES = 16 * 1024 * 1024
WAITING_REQUESTS = 1_000
REPEAT_LOG_SECONDS = 30.0
EXIT_BUS_CLOSED = 70


class BusUnavailable(Transient):
    """The bus is not connected, nobody answered, or the answer did not come in time."""


def end_process(code: int = EXIT_BUS_CLOSED) -> None:
    """End at once, without clean-up that a broken loop could block; the supervisor starts the process again."""
    os._exit(code)


BLANK = " \t\n\r\v\f"
"""What `bytes.strip` takes off."""


@lru_cache(maxsize=1_024)
def header_name(name: str) -> str | None:
    """A header's name, None where it is none; the same few come with every message."""
    text = name.strip(BLANK)
    return None if not text.isascii() or any(character.isspace() for character in text) else text


class LeanClient(Client):
    """The library's client with three of its faults mended: cancelling, flushing, and slow reading of headers; and with
    one more way to publish.
    """

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,  # noqa: ASYNC109  # the library's signature
        old_style: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """The library waits by `wait_for`, which before Python 3.12 swallows a cancellation that comes with the answer."""
        try:
            async with asyncio.timeout(timeout):
                return await super().request(subject, payload, None, old_style, headers)  # type: ignore[arg-type]
        except nats.errors.TimeoutError:
            raise
        except TimeoutError as error:
            raise nats.errors.TimeoutError from error

    async def flush(self, timeout: float = 10) -> None:  # noqa: ASYNC109  # the library's signature
        """The library's ping overtakes what it has not written yet, so that its answer proves nothing."""
        answered = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                if self._transport is not None and self._pending:
                    self._transport.writelines(self._pending)
                    self._pending, self._pending_data_size = [], 0
                await self._send_ping(answered)
                await answered
        except TimeoutError as error:
            raise nats.errors.TimeoutError from error

    async def publish_each(self, subjects: Sequence[str], payload: bytes) -> None:
        """The same to many subjects, all in one command: one by one they cost six times as much. Raises as `publish` does.

        Subjects are the server's own (replies) and not looked at.
        """
        if not subjects:
            return
        *others, last = subjects
        told = f" {len(payload)}\r\n".encode() + payload + b"\r\n"
        await self._send_command(b"".join(b"PUB " + subject.encode() + told for subject in others))
        await self.publish(last, payload)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        headers: dict[str, str] = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and (text := header_name(name)) is not None:
                headers[text] = value.strip(BLANK)
        return headers


class Bus:
    """One NATS connection of one service. `connect()` returns at once; everything else waits or says it is down.

    A client that is closed for good never comes back by itself, so `on_closed` ends the process by default.
    """

    def __init__(
        self,
        service: str,
        url: str,
        nkey_seed: str | None,
        *,
        on_closed: Callable[[], None] = end_process,
    ) -> None:
        self.service = service
        self.nc = LeanClient()
        self.js: JetStreamContext = self.nc.jetstream()
        self.connections = 0
        self.losses = 0
        """Lines that broke; counted before the client looks for another."""
        self._url = url
        self._nkey_seed = nkey_seed
        self._on_closed = on_closed
        self._closing = False
        self._connected = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._responders: list[tuple[str, Responder, int]] = []
        self._listeners: list[tuple[str, Listener]] = []
        self._on_connected: list[Callable[[], None]] = []
        self._last_logged: tuple[str, float] = ("", 0.0)

    async def connect(self) -> None:
        """Start connecting in the background; a service may start before NATS exists."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect(), name="bus-connect")

    async def close(self) -> None:
        """Close for good. Does not end the process, unlike a close that nobody asked for."""
        self._closing = True
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        if not self.nc.is_closed:
            await self.nc.close()

    @property
    def is_connected(self) -> bool:
        """True with a connection on which this service's responders are subscribed."""
        return self.connections > 0 and self.nc.is_connected

    @property
    def is_closed(self) -> bool:
        """True when the client has given up for good without having been asked to."""
        return self.nc.is_closed and self.connections > 0 and not self._closing

    async def wait_connected(self) -> None:
        """Wait until a connection stands; the caller sets the limit."""
        while not self.is_connected:
            self._connected.clear()
            await self._connected.wait()

    async def request(self, subject: str, data: bytes, timeout: float = 5.0) -> bytes:  # noqa: ASYNC109 - the client has its own
        """Ask and wait for one answer. Raises `BusUnavailable`; asking again is always safe for our subjects."""
        if not self.is_connected:
            raise BusUnavailable(f"{subject}: the bus is not connected")
        try:
            answer: Msg = await self.nc.request(subject, data, timeout=timeout)
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"{subject}: {error or type(error).__name__}") from error
        return bytes(answer.data)

    async def tell(self, subject: str, data: bytes) -> None:
        """Say it to whoever listens now; nobody answers, and it is lost while the bus is away."""
        if self.is_connected:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self.nc.publish(subject, data)

    async def respond(self, subject: str, responder: Responder, *, at_once: int = 1) -> None:
        """Answer `subject`, one process of the service per request, `at_once` of them beside each other.

        May be called before the bus is there.
        """
        self._responders.append((subject, responder, at_once))
        if self.connections:
            await self._subscribe(subject, responder, at_once)

    def on_connected(self, hook: Callable[[], None]) -> None:
        """Called when this and every later connection stands and its subscriptions are made."""
        self._on_connected.append(hook)

    async def listen(self, subject: str, listener: Listener) -> None:
        """Hear `subject` on every connection, but not what is said between two; may be called before the bus is there."""
        self._listeners.append((subject, listener))
        if self.connections:
            await self.nc.subscribe(subject, cb=listener)
            with contextlib.suppress(nats.errors.Error):  # while reconnecting
                await self.nc.flush()

    async def _connect(self) -> None:
        servers = [server.strip() for server in self._url.split(",")]
        try:
            await self.nc.connect(
                servers=servers,
                name=f"{self.service}@{socket.gethostname()}",
                nkeys_seed_str=self._nkey_seed,
                inbox_prefix=f"_INBOX_{self.service}",
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type] # the library sleeps fractions too
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                ping_interval=PING_SECONDS,
                max_outstanding_pings=2,
                pending_size=PENDING_BYTES,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_client_closed,
                lame_duck_mode_cb=self._on_lame_duck,
            )
        except Exception:
            # Only what no retry can mend ends here, such as a key that is none.
            log.exception("bus.connect_refused", service=self.service)
            self._on_closed()
            raise
        # Subscriptions made before the first connection would be forgotten by a failed attempt, so they are made here.
        for subject, responder, at_once in self._responders:
            await self._subscribe(subject, responder, at_once)
        for subject, listener in self._listeners:
            await self.nc.subscribe(subject, cb=listener)
        self._mark_connected("bus.connected")

    async def _subscribe(self, subject: str, responder: Responder, at_once: int) -> None:
        slots = asyncio.Semaphore(at_once)
        answering: set[asyncio.Task[None]] = set()

        async def take(request: Msg) -> None:
            await slots.acquire()
            task = asyncio.create_task(answer(request))
            answering.add(task)
            task.add_done_callback(answering.discard)
            task.add_done_callback(lambda _: slots.release())

        async def answer(request: Msg) -> None:
            try:
                reply = await responder(request.data)
            except Exception:
                # The requester runs into its time limit and asks again; our part is to say why.
                log.exception("bus.responder_failed", subject=subject)
                return
            try:
                await request.respond(reply)
            except nats.errors.Error as error:  # gone meanwhile; the requester asks again
                log.warning("bus.answer_failed", subject=subject, error=repr(error))

        await self.nc.subscribe(subject, queue=self.service, cb=take, pending_msgs_limit=WAITING_REQUESTS)
        with contextlib.suppress(
            nats.errors.Error
        ):  # while reconnecting; it is subscribed again with the connection
            await self.nc.flush()

    def _mark_connected(self, event: str) -> None:
        self.connections += 1
        self._connected.set()
        for hook in self._on_connected:
            hook()
        log.info(event, service=self.service, connections=self.connections)

    async def _on_error(self, error: Exception) -> None:
        """Logged once, then every half minute: a server that is away fails twice a second."""
        text = f"{type(error).__name__}: {error}"
        now = asyncio.get_running_loop().time()
        said, at = self._last_logged
        if text != said or now - at > REPEAT_LOG_SECONDS:
            self._last_logged = (text, now)
            log.warning("bus.error", service=self.service, error=text)

    async def _on_disconnected(self) -> None:
        self.losses += 1
        log.warning("bus.disconnected", service=self.service)

    async def _on_reconnected(self) -> None:
        self._mark_connected("bus.reconnected")

    async def _on_lame_duck(self) -> None:
        log.warning("bus.server_leaving", service=self.service)

    async def _on_client_closed(self) -> None:
        if self._closing:
            return
        log.critical("bus.closed", service=self.service)
        self._on_closed()
