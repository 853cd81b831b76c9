"""Token buckets, one per name, bounded in number."""

from collections import OrderedDict
from collections.abc import Hashable


class Buckets:
    """Each lets `burst` through at once and `rate` per second after that. Those not used for longest are forgotten."""

    def __init__(self, rate: float, burst: int, most: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._most = most
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, name: Hashable, now: float) -> bool:
        """Whether one more may pass at `now`, in seconds."""
        left, at = self._held.get(name, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - at) * self._rate)
        passes = left >= 1.0
        self._held[name] = (left - 1.0 if passes else left, now)
        self._held.move_to_end(name)
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return passes
