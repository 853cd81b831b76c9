"""One process of several that share the warnings of API keys: runs until nothing is due, prints how many it said."""

import asyncio
import sys

from chassis.clock import SystemClock
from chassis.db import Database
from services.registry.api_keys.expiry import ExpiryWarnings


async def main(database_url: str, worker_database_url: str) -> int:
    database = Database("registry", database_url, worker_database_url)
    scheduler = ExpiryWarnings(database, SystemClock(), batch=200)
    done = idle = 0
    try:
        while idle < 3:  # what others hold locked is not to be seen for a moment
            found = await scheduler.run_due()
            done += found
            idle = 0 if found else idle + 1
            if not found:
                await asyncio.sleep(0.2)
    finally:
        await database.close()
    return done


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:])))  # noqa: T201  # read by the test
