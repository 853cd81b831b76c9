"""What gap filling and dead-letter replay need of a consumer: the way in that every message takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chassis.pull import Delivery


@dataclass(slots=True)
class Verdict:
    """What becomes of each delivery of a batch: acknowledged now, or delivered again after so many seconds."""

    done: list[Delivery] = field(default_factory=list)
    later: list[tuple[Delivery, float]] = field(default_factory=list)


class Takes(Protocol):
    """Takes deliveries of one stream into the database: `Intake`, or several processes of it."""

    at_once: int
    """Batches that may be in hand together; whoever takes several keeps them in order."""

    @property
    def database_down_since(self) -> datetime | None: ...

    async def take(self, deliveries: Sequence[Delivery], *, replayed: bool = False) -> Verdict:
        """Returns only when each message's fate is committed."""
        ...


class Receiver(Protocol):
    """The consumer of one stream."""

    stream: str

    async def receive(self, deliveries: Sequence[Delivery], *, replayed: bool = False) -> Verdict:
        """Claim, apply, record and commit; waits while the database is down."""
        ...
