"""What the fixtures of this folder hand to tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from nats.js.api import ConsumerInfo

from chassis.inbox import Consumer

AskConsumer = Callable[[], Awaitable[ConsumerInfo]]
NewConsumer = Callable[..., Consumer]
Running = Callable[..., tuple[Consumer, "asyncio.Task[None]"]]


async def all_acknowledged(consumer_info: AskConsumer, count: int) -> bool:
    """Whether the durable is through with the first `count` messages of its stream."""
    info = await consumer_info()
    return acknowledged_up_to(info) == count and info.num_ack_pending == 0


def acknowledged_up_to(info: ConsumerInfo) -> int:
    return info.ack_floor.stream_seq if info.ack_floor else 0


def deliveries(info: ConsumerInfo) -> int:
    return info.delivered.consumer_seq if info.delivered else 0


class Runs(Protocol):
    """A part of the runtime."""

    async def run(self) -> None: ...


StartPart = Callable[[Runs], "asyncio.Task[None]"]
