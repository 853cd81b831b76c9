"""One process of several that close sessions: runs until nothing is due, prints how many it looked at."""

import asyncio
import sys
from datetime import timedelta

from chassis.clock import SystemClock
from chassis.db import Database
from services.bff.sessions.limits import SessionLimits
from services.bff.sessions.model import Limits
from tests.until_idle import until_idle

LIMITS = Limits(timedelta(hours=12), timedelta(minutes=30), timedelta(seconds=30))


async def main(database_url: str, worker_database_url: str) -> int:
    database = Database("bff", database_url, worker_database_url)
    limits = SessionLimits(database, SystemClock(), LIMITS)
    try:
        return await until_idle(limits.run_due)
    finally:
        await database.close()


if __name__ == "__main__":
    print(asyncio.run(main(*sys.argv[1:])))  # noqa: T201  # read by the test
