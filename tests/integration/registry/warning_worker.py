"""One process of several that share the warnings of API keys: runs until nothing is due, prints how many it said."""

import asyncio
import sys

from chassis.clock import SystemClock
from chassis.db import Database
from services.registry.api_keys.expiry import ExpiryWarnings
from tests.until_idle import until_idle


async def main(database_url: str, worker_database_url: str) -> int:
    database = Database("registry", database_url, worker_database_url)
    scheduler = ExpiryWarnings(database, SystemClock(), batch=200)
    try:
        return await until_idle(scheduler.run_due)
    finally:
        await database.close()


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:])))  # noqa: T201  # read by the test
