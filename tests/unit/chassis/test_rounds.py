"""The loop of background parts outlives what fails in it."""

import asyncio
import contextlib

from chassis.errors import Transient
from chassis.rounds import go_round


async def test_a_round_that_fails_is_tried_again() -> None:
    outcomes: list[Exception | int] = [Transient("in a moment"), ValueError("a mistake"), 2, 0, 1]
    has_ended = asyncio.Event()

    async def one_round() -> int:
        if not outcomes:
            has_ended.set()
            return 0
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    running = asyncio.create_task(go_round("made-up", one_round, every=0))
    await has_ended.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()


async def test_the_next_round_follows_at_once_while_there_is_something_to_do() -> None:
    left = 3
    is_idle = asyncio.Event()

    async def one_round() -> int:
        nonlocal left
        left -= 1
        if left == 0:
            is_idle.set()
        return left

    running = asyncio.create_task(go_round("made-up", one_round, every=3600))
    await is_idle.wait()
    running.cancel()
    await asyncio.wait([running])
