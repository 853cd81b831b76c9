"""An intake of several processes (ADR 0038): each takes some of the tenants, so that what is said of one stays in order."""

import asyncio
import socket
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from zlib import crc32

import structlog

from chassis.intake_process import connected
from chassis.intake_wire import frame, read_frame, request
from chassis.pull import Delivery
from chassis.receiver import Verdict

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 0.2
TENANT = "ce-tenantid"


class ProcessEnded(Exception):
    """The process ended before it had answered: nothing is known of what it was asked."""


class IntakeProcess:
    """One process and what it was asked; started again whenever it ends."""

    def __init__(self, module: str, told: Mapping[str, Any], name: str) -> None:
        self._module = module
        self._told = told
        self._name = name
        self._writer: StreamWriter | None = None
        self._is_up = asyncio.Event()
        self._number = 0
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self.database_down_since: dict[str, datetime | None] = {}

    @property
    def is_up(self) -> bool:
        return self._is_up.is_set()

    async def run(self) -> None:
        while True:
            try:
                await self._live()
            except OSError as error:  # of the system's means: descriptors, processes, memory
                log.warning("intake.process_not_started", process=self._name, error=repr(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _live(self) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                place = theirs.fileno()
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", self._module, str(place), pass_fds=[place], stdin=DEVNULL
                )
            try:
                async with connected(ours.detach()) as (reader, self._writer):
                    self._writer.write(frame(self._told))
                    self._is_up.set()
                    await self._read_answers(reader)
            finally:
                self._give_up()
                await ended(process)
        log.error("intake.process_ended", process=self._name, status=process.returncode)

    def _give_up(self) -> None:
        self._is_up.clear()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ProcessEnded(self._name))
        self._asked.clear()

    async def _read_answers(self, reader: StreamReader) -> None:
        while (found := await read_frame(reader)) is not None:
            head, _ = found
            if "database_down_since" in head:
                self.database_down_since = {
                    stream: datetime.fromisoformat(since) if since else None
                    for stream, since in head["database_down_since"].items()
                }
            elif (answer := self._asked.pop(head["number"], None)) is not None and not answer.done():
                answer.set_result(head)

    async def take(self, stream: str, deliveries: Sequence[Delivery], *, replayed: bool) -> Verdict:
        """Asked again for as long as the process dies over it: what it had committed is claimed, and is not done twice."""
        while True:
            while not self.is_up:
                await self._is_up.wait()
            try:
                head = await self._ask(stream, deliveries, replayed=replayed)
            except ProcessEnded:
                continue
            return Verdict(
                [deliveries[place] for place in head["done"]],
                [(deliveries[place], delay) for place, delay in head["later"]],
            )

    async def _ask(self, stream: str, deliveries: Sequence[Delivery], *, replayed: bool) -> Any:
        assert self._writer is not None  # noqa: S101  # it is up
        self._number += 1
        number = self._number
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(request(number, stream, deliveries, replayed=replayed))
            return await answer
        finally:
            self._asked.pop(number, None)


class IntakeProcesses:
    """`count` processes of `module`, which are told `told` when they start. They outlive the consumers that ask them."""

    name = "intake-processes"

    def __init__(self, module: str, told: Mapping[str, Any], count: int) -> None:
        self._processes = [IntakeProcess(module, told, f"{module}-{number}") for number in range(count)]
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._processes)

    def __getitem__(self, place: int) -> IntakeProcess:
        return self._processes[place]

    async def start(self) -> None:
        """Nothing to wait for: what is asked before a process is up waits."""
        self._tasks = [asyncio.create_task(process.run()) for process in self._processes]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def status(self) -> dict[str, Any]:
        """For health."""
        return {"wanted": len(self), "up": sum(process.is_up for process in self._processes)}

    def place_of(self, delivery: Delivery) -> int:
        """All messages of a tenant go to the same process."""
        return crc32(delivery.headers.get(TENANT, "").encode()) % len(self)

    def database_down_since(self, stream: str) -> datetime | None:
        """Since when one of them has been waiting for the database."""
        down = (process.database_down_since.get(stream) for process in self._processes)
        return min((since for since in down if since is not None), default=None)


class PartitionedIntake:
    """What `Intake` is to the consumer of `stream`, by several processes. While one batch is in work, the next is sent."""

    at_once = 2

    def __init__(self, processes: IntakeProcesses, stream: str) -> None:
        self._processes = processes
        self._stream = stream

    @property
    def database_down_since(self) -> datetime | None:
        return self._processes.database_down_since(self._stream)

    async def take(self, deliveries: Sequence[Delivery], *, replayed: bool = False) -> Verdict:
        """Each tenant's messages in their order; those of several tenants in several transactions."""
        parts: list[list[Delivery]] = [[] for _ in range(len(self._processes))]
        for delivery in deliveries:
            parts[self._processes.place_of(delivery)].append(delivery)
        verdicts = await asyncio.gather(
            *(
                self._processes[place].take(self._stream, part, replayed=replayed)
                for place, part in enumerate(parts)
                if part
            )
        )
        return Verdict(
            [delivery for verdict in verdicts for delivery in verdict.done],
            [later for verdict in verdicts for later in verdict.later],
        )


async def ended(process: Process) -> None:
    """It ends by itself when nobody talks to it any more; what does not is killed, which loses nothing either."""
    try:
        await asyncio.wait_for(process.wait(), AGAIN_SECONDS * 10)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
