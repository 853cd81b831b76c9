"""Lets a few go on per turn of the event loop, so that a crowd at the door keeps nobody from what is already theirs."""

import asyncio
from collections import deque
from collections.abc import Callable

A_FEW = 16
"""Checks of a proof between two looks at everything else: about three milliseconds."""


class Turnstile:
    """In the order in which they came."""

    def __init__(self, most: int = A_FEW) -> None:
        self._most = most
        self._waiting: deque[Callable[[], None]] = deque()

    def line_up(self, go_on: Callable[[], None]) -> None:
        """`go_on` is called soon, and must not raise."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        for go_on in [self._waiting[place] for place in range(min(self._most, len(self._waiting)))]:
            go_on()
            self._waiting.popleft()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
