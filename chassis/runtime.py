"""Runs a service: its parts under one task group, its HTTP server, one clean stop with a limit."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from chassis import logs, telemetry
from chassis.health import Health
from chassis.settings import ServiceSettings
from chassis.settings import read as read_settings

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=ServiceSettings)
CLOSE_SECONDS = 5.0
COLLECTED_AFTER = (2_000, 4, 100)
"""Objects made and not freed, then rounds of the younger generation: small rounds, since a large one stops the loop for
milliseconds, and fewer than with Python's own (700, 10, 10)."""
COLLECTED_AFTER_BATCHES = (100_000, 10, 100)
"""For a process that takes batches and whose loop nobody waits for: it makes some ten thousand objects with each."""


class Part(Protocol):
    """Something that runs in the background until it is cancelled."""

    name: str

    async def run(self) -> None: ...


class Server(Part, Protocol):
    """A part that others connect to: it stops taking new work before the rest ends."""

    async def stop(self) -> None: ...


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the runtime decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class HttpServer:
    """A part that serves an application; `stop` lets requests in flight finish."""

    def __init__(
        self, app: FastAPI, host: str, port: int, *, name: str = "http", grace: float = 10.0
    ) -> None:
        self.name = name
        self._listen = (host, port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            server_header=False,
            proxy_headers=False,  # nothing trusts a header that a proxy did not sign
            timeout_graceful_shutdown=int(grace),
        )
        self._server = _Server(config)

    async def run(self) -> None:
        family = socket.AF_INET6 if ":" in self._listen[0] else socket.AF_INET
        listener = socket.create_server(self._listen, family=family, backlog=2048)
        try:
            await self._server.serve(sockets=[listener])
        finally:
            listener.close()

    async def stop(self) -> None:
        self._server.should_exit = True


class Service:
    """What `app.py` composes: parts in the order in which they start, closers in the order in which they end."""

    def __init__(
        self,
        name: str,
        health: Health,
        servers: Sequence[Server],
        parts: Sequence[Part],
        opened: Sequence[Callable[[], Awaitable[None]]],
        closed: Sequence[Callable[[], Awaitable[None]]],
        drain_seconds: float,
    ) -> None:
        self._name = name
        self._health = health
        self._servers = servers
        self._parts = parts
        self._opened = opened
        self._closed = closed
        self._drain_seconds = drain_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set: then refuse new work, finish what is in flight within the limit, close.

        A part that fails ends all of them; the supervisor starts the process again.
        """
        try:
            for opened in self._opened:
                await opened()
            async with asyncio.TaskGroup() as group:
                serving = [group.create_task(server.run(), name=server.name) for server in self._servers]
                working = [group.create_task(part.run(), name=part.name) for part in self._parts]
                log.info("service.started")
                await stop.wait()
                self._end_by_force_later()
                await self._drain(serving)
                for task in working:
                    task.cancel()
        finally:
            for closed in self._closed:
                await self._close(closed)
            log.info("service.stopped")

    def _end_by_force_later(self) -> None:
        """A part that does not let itself be cancelled must not keep the process: kill -9 loses nothing either."""
        limit = self._drain_seconds + CLOSE_SECONDS * (len(self._closed) + 1)
        asyncio.get_running_loop().call_later(limit, end_by_force, self._name)

    async def _close(self, closed: Callable[[], Awaitable[None]]) -> None:
        """One that hangs or fails must not keep the others from closing."""
        try:
            await asyncio.wait_for(closed(), CLOSE_SECONDS)
        except Exception:
            log.exception("service.close_failed")

    async def _drain(self, serving: list[asyncio.Task[None]]) -> None:
        self._health.is_draining = True
        log.info("service.draining", limit_seconds=self._drain_seconds)
        for server in self._servers:
            await server.stop()
        _, late = await asyncio.wait(serving, timeout=self._drain_seconds)
        for task in late:
            log.warning("service.cut_off", part=task.get_name())
            task.cancel()


def end_by_force(name: str) -> None:
    log.error("service.hung", service=name)
    os._exit(1)


def causes(error: BaseException) -> list[BaseException]:
    """What is inside nested groups of exceptions."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for inner in error.exceptions for cause in causes(inner)]
    return [error]


def take_all_files() -> None:
    """As many open files as this user may have: shells give 1,024, and each stream is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def spare_the_collector(after: tuple[int, int, int] = COLLECTED_AFTER) -> None:
    """Modules, models and routes stay for ever; a collection that looks at them stops the loop for tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*after)


def serve(service: Callable[[], Service]) -> None:
    """Run a service until SIGTERM or SIGINT. `service` composes it inside the running loop."""
    take_all_files()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        composed = service()
        spare_the_collector()
        await composed.run(stop)

    try:
        uvloop.run(main())
    except Exception as error:  # the end of the process: told in the log, where secrets are hidden
        for cause in causes(error):
            log.exception("service.failed", error=repr(cause), exc_info=cause)
        sys.exit(1)


def main(service: str, settings: type[S], compose: Callable[[S], Service]) -> None:
    """The entry of a service's process: settings, logs, telemetry, then serve."""
    read = read_settings(settings)
    logs.setup(service)
    telemetry.setup(service, read.telemetry)
    serve(lambda: compose(read))
