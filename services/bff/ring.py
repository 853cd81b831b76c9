"""The recent past of a tenant's feed: pre-encoded frames in stream order, bounded in bytes. No I/O."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: its sequence in the stream, its audience and number there, its frame.

    `ends` names the control event with which it ends the streams that hear of it while it is new, and `reason` what they
    are told; both are empty for most. With a `session` it ends the stream of that desk session alone; it is then said to
    one device, for what is said to many ends all of them.
    `place` is its number in the tenant, dense over all audiences; 0 where it is not known.
    """

    seq: int
    audience: str
    n: int
    frame: bytes
    ends: str = ""
    reason: str = ""
    session: str = ""
    place: int = 0

    def ends_in(self, session: str) -> bool:
        """Whether it ends a stream of that session which hears it."""
        return bool(self.ends) and self.session in {"", session}


class Ring:
    """Everything of the tenant after `floor` is here, or there is nothing after it.

    `floor_place` is the place of the tenant's last event up to the floor: what a replay of the time before must end with.
    None where it is not known, for nothing has come since this process reads.
    """

    def __init__(self, floor: int, most_bytes: int) -> None:
        self.floor = floor
        self.floor_place: int | None = None
        self.size = 0
        self._most = most_bytes
        self._last_place: int | None = None
        self._entries: list[Entry] = []
        self._first = 0

    def append(self, entry: Entry) -> bool:
        """Entries come in stream order; the oldest leave when the bytes are too many.

        False when this one does not follow the last one: something was not read, so nothing before it counts any more.
        """
        follows = self._last_place is None or entry.place == 0 or entry.place == self._last_place + 1
        if not follows:
            self._entries, self._first, self.size, self.floor = [], 0, 0, entry.seq - 1
        if entry.place and (self._last_place is None or not follows):
            self.floor_place = entry.place - 1
        self._last_place = entry.place or None
        self._entries.append(entry)
        self.size += len(entry.frame)
        while self.size > self._most and self._first < len(self._entries) - 1:
            self._drop_oldest()
        return follows

    def shrink(self, to_bytes: int) -> None:
        """Forget the oldest until no more than that is held."""
        while self.size > to_bytes and len(self):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._entries[self._first]
        self._first += 1
        self.size -= len(oldest.frame)
        self.floor = oldest.seq
        self.floor_place = oldest.place or None
        if self._first > 256 and self._first * 2 > len(self._entries):
            del self._entries[: self._first]
            self._first = 0

    def covers(self, seq: int) -> bool:
        """Whether everything after `seq` can be given from here."""
        return seq >= self.floor

    def after(self, seq: int) -> Iterator[Entry]:
        """Entries behind `seq`, in order; the ring must not change meanwhile."""
        start = bisect_right(self._entries, seq, lo=self._first, key=lambda entry: entry.seq)
        for place in range(start, len(self._entries)):
            yield self._entries[place]

    def __len__(self) -> int:
        return len(self._entries) - self._first
