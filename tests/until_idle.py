"""What one process of several does: rounds until nothing is due any more."""

import asyncio
from collections.abc import Awaitable, Callable


async def until_idle(run_due: Callable[[], Awaitable[int]]) -> int:
    """How many things were dealt with. What others hold locked is not to be seen for a moment, so it looks three times."""
    done = idle = 0
    while idle < 3:
        found = await run_due()
        done += found
        idle = 0 if found else idle + 1
        if not found:
            await asyncio.sleep(0.2)
    return done
