"""Every bound of a consumer, and how its waits grow."""

from dataclasses import dataclass
from random import SystemRandom

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Every bound of a consumer; times in seconds."""

    max_batch: int = 500
    """Messages per transaction; 1 where a handler talks to the outside world."""
    max_failures: int = 20
    """Handler failures of one message before it becomes a dead letter."""
    transient_tries: int = 3
    """How often a batch is tried in place, as it is, when its handler says that the trouble will pass."""
    retry_first: float = 0.5
    retry_most: float = 120.0
    database_retry_first: float = 0.1
    database_retry_most: float = 5.0
    ack_wait: float = 30.0
    """As provisioned; a batch that takes longer tells the server three times within it that work goes on."""
    drain: float = 5.0
    """How long a stop waits for the batch in hand."""
    pull_expires: float = 5.0
    pull_heartbeat: float = 1.0
    linger: float = 0.002
    """How long a part-filled batch waits for more."""
    alone: bool = False
    """One process of the service takes from the durable, the others stand by. Nothing but order depends on it."""


def growing_delay(attempt: int, first: float, most: float) -> float:
    """Doubles with each attempt (from 1) up to `most`, then spread over its upper half so that crowds disperse."""
    return min(most, first * 2.0 ** min(attempt - 1, 30)) * _random.uniform(0.5, 1.0)
