"""Events in: every event of every stream becomes a leaf, except what would feed the log on itself."""

from collections.abc import Awaitable, Callable, Sequence

from chassis.clock import Clock
from chassis.db import Tx
from contracts.envelope import Message
from services.audit.log.sequencer import append
from services.audit.records.entry import record_of

NEVER_RECORDS = ("audit.checkpoint.published.", ".source.heartbeat.")


def is_record(message: Message) -> bool:
    return not any(part in message.envelope.type for part in NEVER_RECORDS)


def sequencer(clock: Clock) -> Callable[[Tx, Sequence[Message]], Awaitable[None]]:
    """The batch function of audit's inbox."""

    async def take(tx: Tx, messages: Sequence[Message]) -> None:
        if records := [record_of(message) for message in messages if is_record(message)]:
            await append(tx, records, clock.now())

    return take
