"""The bff, which is killed at one named step of its first lock action, or stands still there until a file appears.

`written` and `committed` are those of the request; the others are the worker's (`services.bff.locks.worker`).
"""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import Tx
from chassis.runtime import main
from services.bff.app import SERVICE, compose
from services.bff.locks import composed, operations
from services.bff.locks.worker import LockWorker
from services.bff.settings import Settings

STEP = os.environ["CRASH_AT"]
SIGN = os.environ["STALL_UNTIL"]
steps_taken: set[str] = set()


def die() -> None:
    os.kill(os.getpid(), 9)


async def at(step: str) -> None:
    """Once: what only stood still goes on as any other."""
    if step != STEP or step in steps_taken:
        return
    steps_taken.add(step)
    if not SIGN:
        die()
    while not Path(SIGN).exists():  # another process makes it
        await asyncio.sleep(0.05)


asked = operations.request


async def request(tx: Tx, *about: Any) -> UUID:
    action_id = await asked(tx, *about)
    if STEP == "written":
        die()
    if STEP == "committed":
        tx.on_commit(die)
    return action_id


if __name__ == "__main__":
    vars(operations)["request"] = request
    vars(composed)["LockWorker"] = partial(LockWorker, at=at)  # the same, with a step to die at
    main(SERVICE, Settings, compose)
