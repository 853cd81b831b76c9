"""How many streams a process takes, and how fast. Pure: whoever asks reads the clock."""

from dataclasses import dataclass

from chassis.buckets import Buckets

STREAMS = "streams"


@dataclass(slots=True)
class Admission:
    """Open streams and those that are being opened count alike; a refusal costs nothing but its bytes."""

    most: int
    rate: Buckets
    opening: int = 0

    def refusal(self, connections: int, now: float) -> str | None:
        """Why one more may not come in now; None when it may."""
        if connections + self.opening >= self.most:
            return "this process has as many streams as it may"
        if not self.rate.take(STREAMS, now):
            return "too many streams are opened at once"
        return None


def share(count: int, passed: float, left: float) -> int:
    """How many of `count` go now, when all are to be gone in `left` seconds and the last ones went `passed` ago."""
    return count if left <= passed else min(count, -int(-count * passed // left))
