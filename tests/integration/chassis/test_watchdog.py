"""The watchdog ends a process that can no longer do its work."""

import asyncio
import subprocess
import sys
import threading

from chassis.watchdog import EXIT_BUS_CLOSED, EXIT_CONSUMER_GONE, EXIT_LOOP_FROZEN, Watchdog

FROZEN = """
import asyncio, time
from chassis.watchdog import Watchdog

async def main():
    task = asyncio.create_task(Watchdog(frozen_after=0.5).run())
    await asyncio.sleep(0.2)
    while True:
        time.sleep(0.01)

asyncio.run(main())
"""


class Part:
    """A bus and a consumer in one, as far as the watchdog looks."""

    name = "inbox-registry"

    def __init__(self) -> None:
        self.is_closed = False
        self.gone_for = 0.0


def test_a_frozen_loop_ends_the_process_and_says_where_it_stands() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FROZEN], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == EXIT_LOOP_FROZEN
    assert "time.sleep" in done.stderr or 'File "<string>", line 9 in main' in done.stderr


async def ended_with(part: Part, change: str, value: object) -> int:
    """The code with which the watchdog ends after `change`; it lives on quietly before."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()
    once = threading.Event()

    def end(code: int) -> None:
        if not once.is_set():
            once.set()
            loop.call_soon_threadsafe(ended.set_result, code)

    watchdog = Watchdog(bus=part, consumers=[part], frozen_after=0.5, gone_after=60, end=end)
    task = asyncio.create_task(watchdog.run())
    done, _ = await asyncio.wait([ended], timeout=0.3)
    assert not done
    setattr(part, change, value)
    code = await asyncio.wait_for(ended, 5)
    task.cancel()
    await asyncio.wait([task])
    return code


async def test_a_client_closed_for_good_ends_the_process() -> None:
    assert await ended_with(Part(), "is_closed", True) == EXIT_BUS_CLOSED


async def test_a_durable_gone_for_longer_than_the_limit_ends_the_process() -> None:
    part = Part()
    part.gone_for = 59.0
    assert await ended_with(part, "gone_for", 61.0) == EXIT_CONSUMER_GONE
