"""A relay in a process of its own that ends itself at a named step: `python -m tests.integration.chassis.dying_relay`."""

import asyncio
import os
import sys

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.outbox import Lane
from chassis.relay import Relay, RelaySettings


async def main(app_dsn: str, worker_dsn: str, nats_url: str, seed: str, step: str) -> None:
    database = Database("registry", app_dsn, worker_dsn)
    bus = Bus("registry", nats_url, seed)
    await bus.connect()

    async def at(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), 9)

    settings = RelaySettings(poll=0.02, retry=0.05, heartbeat=3600, note_progress=0)
    await Relay(database, bus, Lane("outbox", "REGISTRY"), SystemClock(), settings, at=at).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
