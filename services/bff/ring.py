"""The recent past of a tenant's feed: pre-encoded frames in stream order, bounded in bytes. No I/O."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: its sequence in the stream, its audience and number there, its frame.

    `ends` names the control event with which it ends the streams that hear of it while it is new, and `reason` what they
    are told; both are empty for most. With a `session` it ends the stream of that desk session alone.
    """

    seq: int
    audience: str
    n: int
    frame: bytes
    ends: str = ""
    reason: str = ""
    session: str = ""


class Ring:
    """Everything after `floor` is here, or there is nothing after it."""

    def __init__(self, floor: int, most_bytes: int) -> None:
        self.floor = floor
        self.size = 0
        self._most = most_bytes
        self._entries: list[Entry] = []
        self._first = 0

    def append(self, entry: Entry) -> None:
        """Entries come in stream order; the oldest leave when the bytes are too many."""
        self._entries.append(entry)
        self.size += len(entry.frame)
        while self.size > self._most and self._first < len(self._entries) - 1:
            self.drop_oldest()
        if self._first > 256 and self._first * 2 > len(self._entries):
            del self._entries[: self._first]
            self._first = 0

    def drop_oldest(self) -> None:
        oldest = self._entries[self._first]
        self._first += 1
        self.size -= len(oldest.frame)
        self.floor = oldest.seq

    def covers(self, seq: int) -> bool:
        """Whether everything after `seq` can be given from here."""
        return seq >= self.floor

    def after(self, seq: int) -> Iterator[Entry]:
        """Entries behind `seq`, in order."""
        start = bisect_right(self._entries, seq, lo=self._first, key=lambda entry: entry.seq)
        for place in range(start, len(self._entries)):
            yield self._entries[place]

    def __len__(self) -> int:
        return len(self._entries) - self._first
