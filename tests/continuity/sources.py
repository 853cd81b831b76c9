"""The relays of what the bff hears, in a process of their own: `python -m tests.continuity.sources`.

The environment variable SOURCES says which: a JSON list of service, key for NATS and two addresses of its database.
"""

import asyncio
import json
import os

import uvloop

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.outbox import Lane
from chassis.relay import Relay
from chassis.replay import ReplayResponder
from contracts.subjects import STREAMS


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        for service, seed, dsn, worker_dsn in json.loads(os.environ["SOURCES"]):
            bus = Bus(service, os.environ["NATS_URL"], seed)
            database = Database(service, dsn, worker_dsn)
            await bus.connect()
            await ReplayResponder(database, bus).register()
            group.create_task(
                Relay(database, bus, Lane("outbox", STREAMS[service]), SystemClock()).run(), name=service
            )


if __name__ == "__main__":
    uvloop.run(main())
