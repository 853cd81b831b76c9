"""How many streams a process takes, and how fast. Pure: whoever asks reads the clock."""

from dataclasses import dataclass
from enum import Enum, auto

from chassis.buckets import Buckets

STREAMS = "streams"


class Step(Enum):
    """Where somebody who wants a stream is: gone or served, before the answer, or behind its beginning."""

    AWAY = auto()
    KNOCKING = auto()
    ANSWERED = auto()


@dataclass(slots=True)
class Admission:
    """Open streams and those that are being opened count alike; a refusal costs nothing but its bytes.

    Few may wait for their answer at once: when more come than the process can look at, those who wait do not wait long,
    and the others hear at once that they should come later.
    """

    most: int
    rate: Buckets
    most_knocking: int = 512
    opening: int = 0
    knocking: int = 0

    def moved(self, was: Step, now: Step) -> None:
        """Somebody is a step further."""
        self.opening += (now is not Step.AWAY) - (was is not Step.AWAY)
        self.knocking += (now is Step.KNOCKING) - (was is Step.KNOCKING)

    def refusal(self, connections: int, now: float) -> str | None:
        """Why one more may not come in now; None when it may."""
        if connections + self.opening >= self.most:
            return "this process has as many streams as it may"
        if self.knocking >= self.most_knocking:
            return "too many wait for their answer"
        if not self.rate.take(STREAMS, now):
            return "too many streams are opened at once"
        return None


def share(count: int, passed: float, left: float) -> int:
    """How many of `count` go now, when all are to be gone in `left` seconds and the last ones went `passed` ago."""
    return count if left <= passed else min(count, -int(-count * passed // left))
