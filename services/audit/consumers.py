"""Events in: every event of every stream becomes a leaf, except what would feed the log on itself."""

from collections.abc import Sequence
from datetime import timedelta

from chassis.clock import Clock
from chassis.db import Tx
from chassis.intake import Apply
from chassis.members import and_members
from contracts.envelope import Message
from contracts.subjects import STREAMS
from services.audit.gaps import lock_actions
from services.audit.log.sequencer import append
from services.audit.records.entry import record_of
from services.audit.records.personal.keys import Keys

NEVER_RECORDS = ("audit.checkpoint.published.", ".source.heartbeat.")


def is_record(message: Message) -> bool:
    return not any(part in message.envelope.type for part in NEVER_RECORDS)


def sequencer(clock: Clock, keys: Keys, lock_patience: timedelta = timedelta(seconds=60)) -> Apply:
    """The batch function of audit's inbox. `lock_patience`: until the outcome of a lock action is overdue."""

    async def take(tx: Tx, messages: Sequence[Message]) -> None:
        if records := [record_of(message) for message in messages if is_record(message)]:
            await append(tx, await keys.seal(tx, records), clock.now(), claimed=True)
            await lock_actions.observe(tx, messages, clock.now(), lock_patience)

    return take


def heard(clock: Clock, keys: Keys, lock_patience: timedelta) -> dict[str, Apply]:
    """What is done with each stream; members' tokens open the log."""
    return and_members(dict.fromkeys(STREAMS.values(), sequencer(clock, keys, lock_patience)))
