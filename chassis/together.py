"""Questions that come while one is being answered are asked together with the next: many callers, one round trip.

Nothing is remembered and nobody waits for a clock: who asks alone is asked for at once, and the more come, the more go into
one read. Each read begins after its questions came, so an answer is never older than the question.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from chassis.errors import Transient

K = TypeVar("K")
V = TypeVar("V")

MOST = 64
"""Questions in one read."""
AT_ONCE = 16
"""Who goes on in one turn of the loop when they are answered: the others' work has its turn between."""


class Together(Generic[K, V]):
    """One read at a time. A failure of what all need (a Transient) is everybody's, any other its own question's alone."""

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Sequence[V]]], most: int = MOST) -> None:
        """`read` answers each of its questions, in their order."""
        self._read = read
        self._most = most
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, question: K) -> V:
        """Raises what `read` raises."""
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._reading is None:  # a context of its own: the work is not the first one's request
            self._reading = asyncio.create_task(self._read_all(), context=contextvars.Context())
        return await answer

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer([one for one in some if not one[1].done()])
        finally:
            self._reading, left, self._waiting = None, self._waiting, []
            release(left)

    async def _answer(self, some: list[tuple[K, asyncio.Future[V]]]) -> None:
        if not some:
            return
        try:
            answers = await self._read([question for question, _ in some])
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked
            if len(some) == 1 or isinstance(error, Transient):
                for _, answer in some:
                    if not answer.done():
                        answer.set_exception(error)
                return
            for one in some:
                await self._answer([one])
        else:
            await give(some, answers)
        finally:
            release(some)


async def give(some: Sequence[tuple[K, asyncio.Future[V]]], answers: Sequence[V]) -> None:
    """A few per turn of the loop."""
    for place, ((_, answer), found) in enumerate(zip(some, answers, strict=True)):
        if place and place % AT_ONCE == 0:
            await asyncio.sleep(0)
        if not answer.done():  # who asked may be gone
            answer.set_result(found)


def release(some: Iterable[tuple[K, asyncio.Future[V]]]) -> None:
    """Those who have no answer get none: the read itself was cancelled."""
    for _, answer in some:
        answer.cancel()
