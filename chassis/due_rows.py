"""Does what is due of a table: any process may, each row once, and a row that fails keeps no other one waiting."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog

from chassis.clock import Clock
from chassis.context import as_system
from chassis.db import Database, Tx
from chassis.errors import Transient
from chassis.rounds import go_round

log = structlog.get_logger(__name__)
Row = TypeVar("Row")


class DueRows(ABC, Generic[Row]):
    """A background part; a table says what its rows are and what is done with them. All runs as worker."""

    name: str

    def __init__(self, database: Database, clock: Clock, *, every: float = 1.0, batch: int = 200) -> None:
        self._database = database
        self._clock = clock
        self._every = every
        self._batch = batch

    @abstractmethod
    async def lock(self, tx: Tx, now: datetime, most: int) -> Sequence[Row]:
        """What is due. Rows locked by another process are passed over, so that several share the work."""

    @abstractmethod
    async def do(self, tx: Tx, due: Sequence[Row], now: datetime) -> int:
        """All of them or, by an exception, none; answers how many things were done."""

    @abstractmethod
    def key_of(self, row: Row) -> dict[str, Any]:
        """What names the row, for the log and for `put_off`."""

    @abstractmethod
    async def put_off(self, tx: Tx, key: Mapping[str, Any], now: datetime, error: str) -> None:
        """The row of this key has failed: it is due again later, each time after a longer wait."""

    async def run(self) -> None:
        await go_round(self.name, self.run_due, self._every)

    async def run_due(self) -> int:
        """One batch; answers how many things were dealt with. Raises Transient."""
        try:
            return await self._run(self._batch)
        except Transient:
            raise
        except Exception:
            log.exception("due_rows.batch_failed", part=self.name)
            return await self._one_by_one()

    async def _one_by_one(self) -> int:
        """Something in the batch cannot be done: do the others, and put that one off."""
        done = 0
        for _ in range(self._batch):
            taken = await self._run(1, puts_off=True)
            if not taken:
                break
            done += taken
        return done

    async def _run(self, most: int, *, puts_off: bool = False) -> int:
        now = self._clock.now()
        async with self._database.worker() as tx:
            due = await self.lock(tx, now, most)
            if not due:
                return 0
            try:
                with as_system():
                    async with tx.savepoint():
                        return await self.do(tx, due, now)
            except Transient:
                raise
            except Exception as error:
                if not puts_off:
                    raise
                key = self.key_of(due[0])
                log.exception("due_rows.put_off", part=self.name, **key)
                await self.put_off(tx, key, now, repr(error)[:500])
                return 1
