"""Lets a few go on per turn of the event loop, so that a crowd at the door keeps nobody from what is already theirs."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

SLICE_SECONDS = 0.003
"""About so long openings are worked on between two looks at everything else. What is done for few at a time costs more:
at a third of it an opening takes a tenth more of the processor."""
SHARE = 0.25
"""Of the time, while something is being given out."""
A_FEW = 32
"""At most, whatever one is thought to take."""
LEARNS = 0.2
"""The weight of the last few in what one is thought to take."""


class Turnstile:
    """In the order in which they came; as many at a time as take a slice, by what the last ones took."""

    def __init__(
        self, is_pressed: Callable[[], bool], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`is_pressed`: whether others have much to do just now."""
        self._is_pressed = is_pressed
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._each = SLICE_SECONDS
        """Seconds that one takes, as far as is known."""
        self._began_at = 0.0
        self._some = 0
        """Who goes on now."""
        self._is_turning = False

    def line_up(self, go_on: Callable[[], None]) -> None:
        """`go_on` is called soon, must not raise, and does its work in one step of a task that it starts or wakes."""
        self._waiting.append(go_on)
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    async def passed(self) -> None:
        """Until it is the caller's turn."""
        turn = asyncio.get_running_loop().create_future()
        self.line_up(lambda: None if turn.done() else turn.set_result(None))
        await turn

    def _turn(self) -> None:
        """The steps that are started here run one behind the other in the loop's next turn, between the two readings."""
        loop = asyncio.get_running_loop()
        self._some = max(1, min(A_FEW, len(self._waiting), round(SLICE_SECONDS / self._each)))
        loop.call_soon(self._begin)
        for _ in range(self._some):
            self._waiting.popleft()()
        loop.call_soon(self._end)

    def _begin(self) -> None:
        self._began_at = self._clock()

    def _end(self) -> None:
        took = self._clock() - self._began_at
        self._each += LEARNS * (max(took, 1e-6) / self._some - self._each)
        if not self._waiting:
            self._is_turning = False
        elif self._is_pressed():
            asyncio.get_running_loop().call_later(took * (1 / SHARE - 1), self._turn)
        else:
            self._turn()
