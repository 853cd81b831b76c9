"""Records that do not come as events: they are gathered for as long as the last batch takes, and appended together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog
from fastapi import Response

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import TenantryError, Transient
from services.audit.log.sequencer import append
from services.audit.records.personal.keys import Keys
from services.audit.records.record import Record

log = structlog.get_logger(__name__)

MOST = 5_000
"""Records of one transaction, if more than one request brings them."""

Once = Callable[[Tx, Callable[[], Awaitable[None]]], Awaitable[Response | None]]
"""Calls its second argument, or answers the stored outcome of an earlier request instead."""


@dataclass
class Waiting:
    """Records that go into the log together or not at all."""

    records: Sequence[Record]
    once: Once | None
    done: asyncio.Future[Response | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Intake:
    """A part of the service. `put` returns when the records are in the log: committed, each with its leaf."""

    name = "audit-intake"

    def __init__(self, database: Database, clock: Clock, keys: Keys) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()

    async def put(self, records: Sequence[Record], once: Once | None = None) -> Response | None:
        """Append records; what `once` answered. Raises what it raised, and Transient while the database is away.

        The queue is bounded by the requests that may run at once: each waits for its own.
        """
        waiting = Waiting(records, once)
        self._queue.put_nowait(waiting)
        return await waiting.done

    async def run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while sum(len(one.records) for one in batch) < MOST and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._take(batch)

    async def _take(self, batch: Sequence[Waiting]) -> None:
        try:
            answers = await self._append(batch)
        except Transient as error:
            settle(batch, [error] * len(batch))
        except (TenantryError, asyncpg.PostgresError, ValueError) as error:
            if len(batch) == 1:
                settle(batch, [error])
                return
            log.warning("audit.intake.apart", requests=len(batch), error=repr(error))
            for one in batch:  # whoever is to blame fails alone
                await self._take([one])
        else:
            settle(batch, answers)

    async def _append(self, batch: Sequence[Waiting]) -> list[Response | Exception | None]:
        """One transaction; what each request is answered."""
        records: list[Record] = []
        async with self._database.worker() as tx:
            answers = [await gather(tx, one, records) for one in batch]
            if records:
                await append(tx, await self._keys.seal(tx, records), self._clock.now())
        return answers


async def gather(tx: Tx, waiting: Waiting, records: list[Record]) -> Response | Exception | None:
    """Its records join the batch, unless they are there since an earlier request with its key."""

    async def effect() -> None:
        records.extend(waiting.records)

    if waiting.once is None:
        await effect()
        return None
    try:
        return await waiting.once(tx, effect)
    except TenantryError as refused:  # the key stands for another request, or that is still running
        return refused


def settle(batch: Sequence[Waiting], answers: Sequence[Response | Exception | None]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if one.done.done():  # whoever asked has gone
            continue
        if isinstance(answer, Exception):
            one.done.set_exception(answer)
        else:
            one.done.set_result(answer)
