"""The process on the other side of a `PartitionedIntake`: takes what it is sent into the database, and answers."""

import asyncio
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvloop

from chassis.intake import Intake
from chassis.intake_wire import deliveries_of, frame, read_frame
from chassis.runtime import COLLECTED_AFTER_BATCHES, spare_the_collector

Intakes = Mapping[str, Intake]
"""By stream."""
READ_AHEAD = 1 << 20
STATUS_SECONDS = 0.5


class Answering:
    """Requests of one stream are taken one after another, those of several beside each other."""

    def __init__(self, intakes: Intakes, writer: StreamWriter) -> None:
        self._intakes = intakes
        self._writer = writer
        self._turns = {stream: asyncio.Lock() for stream in intakes}

    async def answer(self, head: Any, bodies: bytes) -> None:
        deliveries, stream = deliveries_of(head, bodies), head["stream"]
        async with self._turns[stream]:
            verdict = await self._intakes[stream].take(deliveries, replayed=head["replayed"])
        places = {id(delivery): place for place, delivery in enumerate(deliveries)}
        self._writer.write(
            frame(
                {
                    "number": head["number"],
                    "done": [places[id(delivery)] for delivery in verdict.done],
                    "later": [(places[id(delivery)], delay) for delivery, delay in verdict.later],
                }
            )
        )

    async def tell_of_the_database(self) -> None:
        """Who waits for an answer hears why it does not come."""
        told: dict[str, str | None] = {}
        while True:
            down = {stream: intake.database_down_since for stream, intake in self._intakes.items()}
            said = {stream: since.isoformat() if since else None for stream, since in down.items()}
            if said != told:
                self._writer.write(frame({"database_down_since": said}))
                told = said
            await asyncio.sleep(STATUS_SECONDS)


async def answer_all(reader: StreamReader, writer: StreamWriter, intakes: Intakes) -> None:
    """Until the other side has ended. A failure that no message is to blame for ends the process, and is tried again."""
    answering = Answering(intakes, writer)
    async with asyncio.TaskGroup() as group:
        tasks = {group.create_task(answering.tell_of_the_database())}
        while (found := await read_frame(reader)) is not None:
            task = group.create_task(answering.answer(*found))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def connected(descriptor: int) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor), limit=READ_AHEAD)
    try:
        yield reader, writer
    finally:
        writer.close()


def main(compose: Callable[[Any], AbstractAsyncContextManager[Intakes]]) -> None:
    """The entry: the descriptor of the socket is the only argument, the first frame says what `compose` has to know.

    The process ends with the one that started it and not by a signal to all of a terminal's or a container's processes:
    what is in hand is finished within that one's limit.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

    async def run() -> None:
        async with connected(int(sys.argv[1])) as (reader, writer):
            told = await read_frame(reader)
            if told is None:
                return
            async with compose(told[0]) as intakes:
                spare_the_collector(COLLECTED_AFTER_BATCHES)
                await answer_all(reader, writer, intakes)

    uvloop.run(run())
