"""Messages in: claim, apply, record progress and commit in one transaction, then acknowledge."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import Database, Tx
from contracts.envelope import Message, Received
from contracts.event import Event

Handler = Callable[[Tx, Received[Any]], Awaitable[None]]
Apply = Callable[[Tx, Sequence[Message]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Every bound of a consumer, in seconds where it is a time."""

    max_batch: int = 500
    max_failures: int = 20
    """Handler failures of one message before it becomes a dead letter."""


def dispatch(handlers: Mapping[type[Event], Handler]) -> Apply:
    """One message at a time, each under its tenant's row-level security; other types are counted and acknowledged."""
    raise NotImplementedError


class Consumer:
    """Reads one durable for ever. `name` and `run()` make it a part of the runtime."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        clock: Clock,
        service: str,
        stream: str,
        durable: str,
        apply: Apply,
        settings: InboxSettings | None = None,
    ) -> None:
        self.name = f"inbox-{stream.lower()}"
        self.stream = stream

    async def run(self) -> None:
        raise NotImplementedError
