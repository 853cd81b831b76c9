"""A process that watches the bucket as the bff and writes each value of a flag with the time at which it is in force."""

import asyncio
import json
import sys
import time

from chassis.bucket import Bucket
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.switches import Switches
from chassis.watched import Watched
from contracts.settings import PREFIX, STREAM, flag_key


async def main(app_dsn: str, worker_dsn: str, nats_url: str, seed: str, flag: str) -> None:
    database = Database("bff", app_dsn, worker_dsn)
    bus = Bus("bff", nats_url, seed)
    watched = Watched(Bucket(bus, STREAM, PREFIX), database, SystemClock())
    switches = Switches(watched)

    def tell(key: str) -> None:
        if key == flag_key(flag, None):
            print(json.dumps({"at": time.time(), "value": switches.value(flag)}), flush=True)  # noqa: T201  # read by the test

    watched.on_change(tell)
    await bus.connect()
    await watched.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
