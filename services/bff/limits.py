"""How many streams a process takes, and how fast. Pure: whoever asks reads the clock."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`rate` a second, and `burst` at once after a quiet time."""

    rate: float
    burst: float
    _tokens: float = -1.0
    _at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more may come now (seconds of a monotonic clock)."""
        if self._tokens < 0:
            self._tokens, self._at = self.burst, now
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(slots=True)
class Admission:
    """Open streams and those that are being opened count alike; a refusal costs nothing but its bytes."""

    most: int
    bucket: TokenBucket
    opening: int = 0

    def refusal(self, connections: int, now: float) -> str | None:
        """Why one more may not come in now; None when it may."""
        if connections + self.opening >= self.most:
            return "this process has as many streams as it may"
        if not self.bucket.take(now):
            return "too many streams are opened at once"
        return None


def share(count: int, passed: float, left: float) -> int:
    """How many of `count` go now, when all are to be gone in `left` seconds and the last ones went `passed` ago."""
    return count if left <= passed else min(count, -int(-count * passed // left))
