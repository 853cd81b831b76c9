"""A timing wheel: one place for everything that is due some time, so that nobody needs a timer of their own. No I/O."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Wheel(Generic[T]):
    """Slots of `width` seconds in a ring. What is further away than one turn comes early and is put in again.

    Times are seconds of one monotonic clock that the caller reads.
    """

    def __init__(self, width: float = 0.25, slots: int = 256) -> None:
        self._width = width
        self._turn = width * slots
        self._slots: list[set[T]] = [set() for _ in range(slots)]
        self._reached: int | None = None
        """Slots up to here were handed out."""

    def put(self, item: T, at: float, now: float) -> int:
        """Hand `item` out at `at`, or up to a slot later. Answers the slot, with which it can be taken out."""
        if self._reached is None:
            self._reached = self._slot(now)
        furthest = self._reached + len(self._slots) - 1
        slot = min(self._slot(max(at, now)) + 1, furthest) if at < now + self._turn else furthest
        self._slots[slot % len(self._slots)].add(item)
        return slot

    def remove(self, item: T, slot: int) -> None:
        self._slots[slot % len(self._slots)].discard(item)

    def due(self, now: float) -> Iterator[T]:
        """Items whose time has come, taken out one by one; the caller may stop and ask again."""
        if self._reached is None:
            return
        target = self._slot(now)
        if target - self._reached > len(self._slots):  # after a long standstill one turn visits everything
            self._reached = target - len(self._slots)
        while self._reached < target:
            slot = self._slots[(self._reached + 1) % len(self._slots)]
            while slot:
                yield slot.pop()
            self._reached += 1

    def _slot(self, at: float) -> int:
        return int(at / self._width)
