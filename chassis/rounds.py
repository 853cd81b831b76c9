"""The loop of background parts: round after round, whatever fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from chassis.errors import Transient

log = structlog.get_logger(__name__)


async def go_round(name: str, one_round: Callable[[], Awaitable[object]], every: float) -> NoReturn:
    """Until cancelled: the next round at once while a round finds something to do, else in `every` seconds.

    A part that ends ends the service, so a round that fails is logged and tried again.
    """
    while True:
        try:
            while await one_round():
                pass
        except Transient as error:
            log.warning("round.waiting", part=name, error=str(error))
        except Exception:
            log.exception("round.failed", part=name)
        await asyncio.sleep(every)
