"""The processes of the fault runs, each with its secrets in the environment.

`python -m tests.chaos.actors relay|consumer|batch-consumer`: the registry's relay with its replay responder, or the
audit log's consumer with its gap filler. Both exist several times at once and are killed at any moment.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database, Tx
from chassis.gaps import GapFiller, GapSettings
from chassis.inbox import Apply, Consumer, InboxSettings
from chassis.outbox import Lane
from chassis.relay import Relay, RelaySettings
from chassis.replay import ReplayResponder
from contracts.envelope import Message
from tests.integration.chassis.numbered_events import EVENT
from tests.integration.chassis.stage import DURABLE, SERVICE, STREAM, one_by_one, write_effects

ACK_WAIT = 2.0


def connections(service: str) -> tuple[Bus, Database]:
    bus = Bus(service, os.environ["NATS_URL"], os.environ["NATS_SEED"])
    return bus, Database(service, os.environ["DATABASE_URL"], os.environ["WORKER_DATABASE_URL"])


async def relay() -> None:
    bus, database = connections("registry")
    await bus.connect()
    await ReplayResponder(database, bus).register()
    settings = RelaySettings(heartbeat=1.0)
    await Relay(database, bus, Lane("outbox", "REGISTRY"), SystemClock(), settings).run()


async def apply_trials(tx: Tx, messages: Sequence[Message]) -> None:
    await write_effects(tx, [message for message in messages if message.envelope.type == EVENT.type])


async def consume(apply: Apply) -> None:
    """Both engines at once, on one durable."""
    bus, database = connections(SERVICE)
    await bus.connect()
    consumer = Consumer(
        bus=bus,
        database=database,
        clock=SystemClock(),
        service=SERVICE,
        stream=STREAM,
        durable=DURABLE,
        apply=apply,
        settings=InboxSettings(max_batch=100, ack_wait=ACK_WAIT, database_retry_most=0.5, pull_heartbeat=0.5),
    )
    gaps = GapFiller(
        bus=bus,
        database=database,
        clock=SystemClock(),
        service=SERVICE,
        consumers=[consumer],
        settings=GapSettings(poll=0.3, patience=1.5, retry=1.5, answer_seconds=2, empty_answers=10),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(consumer.run())
        group.create_task(gaps.run())


if __name__ == "__main__":
    actors: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "relay": relay,
        "consumer": lambda: consume(one_by_one()),
        "batch-consumer": lambda: consume(apply_trials),
    }
    uvloop.run(actors[sys.argv[1]]())
