"""News: heard in order by this process alone, and never called live while something may have been missed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.bus import Bus
from chassis.news import News
from tests.infra import TestNats, eventually
from tests.integration.chassis.numbered_events import publish, several

SUBJECTS = ("registry.tenant.>", "registry.api_key.>")


class Heard(News):
    """Keeps what it hears."""

    def __init__(self, bus: Bus) -> None:
        self.numbers: list[int] = []
        super().__init__(
            bus, "REGISTRY", SUBJECTS, lambda _, headers: self.numbers.append(int(headers["ce-sequence"]))
        )


@pytest.fixture
async def news(registry_bus: Bus) -> AsyncIterator[Heard]:
    found = Heard(registry_bus)
    task = asyncio.create_task(found.run())
    await eventually(lambda: found.is_live)
    yield found
    task.cancel()


async def test_everything_from_now_on_is_heard_in_order(news: Heard, registry_bus: Bus) -> None:
    await publish(registry_bus, several(200))
    await eventually(lambda: len(news.numbers) == 200)
    assert news.numbers == sorted(news.numbers)
    assert (news.is_live, news.generation) == (True, 1)


async def test_what_was_said_before_is_not_news(registry_bus: Bus) -> None:
    await publish(registry_bus, several(5))
    later = Heard(registry_bus)
    task = asyncio.create_task(later.run())
    await eventually(lambda: later.is_live)
    await publish(registry_bus, several(1, first=6))
    await eventually(lambda: bool(later.numbers))
    assert later.numbers == [6]
    task.cancel()


async def test_a_dead_bus_is_noticed_at_once_and_a_new_generation_begins_when_it_is_back(
    news: Heard, nats_server: TestNats, registry_bus: Bus
) -> None:
    nats_server.kill()
    await eventually(lambda: not news.is_live, 1.0, "silence")
    await nats_server.start()
    await eventually(lambda: news.is_live)
    assert news.generation == 2
    await publish(registry_bus, several(3))
    await eventually(lambda: len(news.numbers) == 3)


async def test_a_server_that_hangs_is_noticed_within_a_second(news: Heard, nats_server: TestNats) -> None:
    """The line stands, nothing comes."""
    nats_server.freeze()
    try:
        await eventually(lambda: not news.is_live, 1.0, "silence")
    finally:
        nats_server.thaw()
    await eventually(lambda: news.is_live)


async def test_a_hole_in_the_numbers_begins_a_new_generation(news: Heard, registry_bus: Bus) -> None:
    await publish(registry_bus, several(2))
    await eventually(lambda: len(news.numbers) == 2)
    assert news._pushed is not None
    news._pushed._heard -= 1  # as if one had been lost on the way; the next beat tells
    await eventually(lambda: news.generation == 2)
    await eventually(lambda: news.is_live)


async def test_a_listener_that_ended_leaves_no_consumer(registry_bus: Bus, ops_bus: Bus) -> None:
    heard = Heard(registry_bus)
    task = asyncio.create_task(heard.run())
    await eventually(lambda: heard.is_live)
    task.cancel()

    async def is_gone() -> bool:
        infos = await ops_bus.js.consumers_info("REGISTRY")
        return all(info.config.durable_name for info in infos)

    await eventually(is_gone, 30, "the end of the consumer")
    assert not heard.is_live
