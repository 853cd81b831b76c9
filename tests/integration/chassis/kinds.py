"""What the fixtures of this folder hand to tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from nats.js.api import ConsumerInfo

from chassis.inbox import Consumer

AskConsumer = Callable[[], Awaitable[ConsumerInfo]]
NewConsumer = Callable[..., Consumer]
Running = Callable[..., tuple[Consumer, "asyncio.Task[None]"]]


class Runs(Protocol):
    """A part of the runtime."""

    async def run(self) -> None: ...


StartPart = Callable[[Runs], "asyncio.Task[None]"]
