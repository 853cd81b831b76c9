"""Tells somebody outside what a table says, after the commit and until it has heard."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import structlog

from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.errors import Transient
from chassis.rounds import go_round

log = structlog.get_logger(__name__)
BATCH = 100
LONGEST_WAIT = timedelta(minutes=5)


def wait_after(failures: int) -> timedelta:
    """1, 2, 4 … seconds, and the longest wait from then on, however many there were."""
    return min(timedelta(seconds=2 ** min(failures, 10)), LONGEST_WAIT)


class Pusher(ABC):
    """A background part. The same push made twice changes nothing, so several processes may do it side by side.

    `queries` has `due_pushes`, `pushed` and `push_failed`; the columns `key` name a row in them.
    """

    name: str
    queries: ClassVar[Any]
    key: ClassVar[tuple[str, ...]]

    def __init__(self, database: Database, clock: Clock, *, every: float) -> None:
        self._database = database
        self._clock = clock
        self._every = every

    @abstractmethod
    async def push(self, row: Mapping[str, Any]) -> None:
        """Outside of any transaction. Whatever it raises, the row is tried again."""

    async def heard(self, tx: Tx, row: Mapping[str, Any]) -> bool:
        """After the push: nothing is left to tell, unless something newer was to be told meanwhile; whether so."""
        found = await self.queries.pushed(tx, **self._key_of(row), due_at=row["due_at"])
        return found is not None

    async def run(self) -> None:
        await go_round(self.name, self.push_due, self._every)

    async def push_due(self) -> int:
        """One batch; how many were heard. Raises Transient where the database is away."""
        async with self._database.platform_reading() as tx:
            due = await rows(self.queries.due_pushes(tx, now=self._clock.now(), most=BATCH))
        return sum([await self._try(row) for row in due])

    async def _try(self, row: Mapping[str, Any]) -> bool:
        try:
            await self.push(row)
        except Exception as error:
            if not isinstance(error, Transient):
                log.exception("push.failed", part=self.name, **self._key_of(row))
            await self._put_off(row, error)
            return False
        async with self._database.worker() as tx:
            await self.heard(tx, row)
        return True

    async def _put_off(self, row: Mapping[str, Any], error: Exception) -> None:
        due_at = self._clock.now() + wait_after(row["attempts"])
        async with self._database.worker() as tx:
            await self.queries.push_failed(
                tx, **self._key_of(row), due_at=due_at, error=(str(error) or repr(error))[:500]
            )

    def _key_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: row[name] for name in self.key}
