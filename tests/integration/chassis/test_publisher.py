"""Batches that are on their way at once, on a real broker: stored in order, and nothing behind what was refused."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from chassis.bus import Bus
from chassis.publisher import ATOMIC_FROM, Outgoing, Publisher, PublishRefused
from tests.infra import eventually

SUBJECT = "registry.tenant.reactivated.v1"


def batch(first: int, count: int) -> list[Outgoing]:
    return [
        Outgoing(
            seq, SUBJECT, {"ce-sequence": str(seq), "ce-sourceepoch": "e", "Nats-Msg-Id": f"m{seq}"}, b"{}"
        )
        for seq in range(first, first + count)
    ]


async def stored(bus: Bus) -> list[int]:
    state = (await bus.js.stream_info("REGISTRY")).state
    messages = [await bus.js.get_msg("REGISTRY", seq=seq) for seq in range(1, state.last_seq + 1)]
    return [int((message.headers or {})["ce-sequence"]) for message in messages]


@pytest.fixture
async def registry(bus: Callable[[str], Awaitable[Bus]]) -> Bus:
    return await bus("registry")


async def test_batches_sent_at_once_are_stored_in_the_order_in_which_they_were_handed_over(
    registry: Bus,
) -> None:
    publisher = Publisher(registry, "REGISTRY")
    await publisher.read_last()
    sizes = [3, 1, ATOMIC_FROM, 5, 2, ATOMIC_FROM + 7, 1]
    sending, first = [], 1
    for size in sizes:
        sending.append(publisher.send(batch(first, size)))
        first += size
    await asyncio.gather(*sending)
    assert await stored(registry) == list(range(1, first))
    assert publisher.last_sequence == first - 1


async def test_nothing_is_stored_behind_a_batch_that_was_refused(registry: Bus) -> None:
    overtaken, other = Publisher(registry, "REGISTRY"), Publisher(registry, "REGISTRY")
    await overtaken.read_last()
    await other.read_last()
    await other.send(batch(1001, 20))
    outcomes = await asyncio.gather(
        *(overtaken.send(batch(first, size)) for first, size in ((1, 2), (3, 1), (4, ATOMIC_FROM))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [PublishRefused] * 3
    assert await stored(registry) == list(range(1001, 1021))
    assert await overtaken.read_last() == ("e", 1020, "")
    await overtaken.send(batch(1021, 2))
    assert await stored(registry) == list(range(1001, 1023))


async def test_a_message_that_is_there_already_takes_no_second_place(registry: Bus) -> None:
    publisher = Publisher(registry, "REGISTRY")
    await publisher.read_last()
    await publisher.send(batch(1, 1))
    await publisher.send(batch(1, 1))
    await publisher.send(batch(2, 2))
    assert await stored(registry) == [1, 2, 3]
    await publisher.send(batch(1, ATOMIC_FROM))
    assert await stored(registry) == list(range(1, ATOMIC_FROM + 1))


async def test_a_batch_of_which_some_is_there_already_is_not_overtaken(registry: Bus) -> None:
    publisher = Publisher(registry, "REGISTRY")
    await publisher.read_last()
    await publisher.send(batch(1, 1))
    await asyncio.gather(publisher.send(batch(1, ATOMIC_FROM)), publisher.send(batch(ATOMIC_FROM + 1, 2)))
    assert await stored(registry) == list(range(1, ATOMIC_FROM + 3))


async def test_a_batch_given_up_on_its_way_holds_up_nobody(registry: Bus) -> None:
    publisher = Publisher(registry, "REGISTRY")
    await publisher.read_last()
    given_up = asyncio.create_task(publisher.send(batch(1, 5)))
    while publisher.last_sequence < 5:
        await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    with pytest.raises(PublishRefused, match="not stored"):
        await publisher.send(batch(6, 1))

    async def is_stored() -> bool:
        return await publisher.read_last() == ("e", 5, "")

    await eventually(is_stored, what="what was on the wire")
    await publisher.send(batch(6, ATOMIC_FROM))
    assert await stored(registry) == list(range(1, 6 + ATOMIC_FROM))
