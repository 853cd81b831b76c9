"""A keeper in a process of its own that ends itself at a named step."""

import asyncio
import os
import sys

from chassis.bus import Bus
from chassis.db import Database
from services.registry.keeper import Keeper


async def main(app_dsn: str, worker_dsn: str, nats_url: str, seed: str, step: str) -> None:
    database = Database("registry", app_dsn, worker_dsn)
    bus = Bus("registry", nats_url, seed)
    await bus.connect()

    async def at(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), 9)

    await Keeper(database, bus, at=at).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
