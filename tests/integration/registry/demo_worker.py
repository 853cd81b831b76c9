"""One node that is killed when a product has answered, or right before the night's end is committed.

`python -m tests.integration.registry.demo_worker answered|restored <app url> <worker url> <issuer> <now>`
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import Any

from chassis.clock import ManualClock
from chassis.db import Database
from services.registry.demo import operations
from services.registry.demo.products import HttpProducts
from services.registry.demo.reset import DemoResets
from services.registry.products.client import ProductClient
from tests.integration.registry.demo_stage import People, tokens_of
from tests.integration.registry.life import LADDER


async def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(moment: str, app: str, worker: str, issuer: str, now: str) -> None:
    database = Database("registry", app, worker)
    clock = ManualClock(datetime.fromisoformat(now))
    products = HttpProducts(database, ProductClient(tokens_of(issuer), seconds=5))
    node = DemoResets(database, People(), products, clock, LADDER)
    if moment == "answered":
        operations.compare_answers = die  # the fault under test
    else:
        operations.finish = die
    await node.run_due()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
