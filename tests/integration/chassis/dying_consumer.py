"""A consumer process that is killed the moment it would acknowledge: everything is committed, nothing acknowledged.

`python -m tests.integration.chassis.dying_consumer <nats url> <seed> <database url> <worker database url>`
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.inbox import Consumer
from chassis.pull import Delivery, Pull
from tests.integration.chassis.stage import DURABLE, SERVICE, STREAM, one_by_one


async def die(self: Pull, deliveries: Iterable[Delivery]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, seed: str, database_url: str, worker_database_url: str) -> None:
    Pull.ack = die  # type: ignore[method-assign] # the fault under test
    bus = Bus(SERVICE, url, seed)
    await bus.connect()
    database = Database(SERVICE, database_url, worker_database_url)
    await Consumer(
        bus=bus,
        database=database,
        clock=SystemClock(),
        service=SERVICE,
        stream=STREAM,
        durable=DURABLE,
        apply=one_by_one(),
    ).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
