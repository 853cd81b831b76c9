"""The pull loop: pipelined, recovers lost requests, notices a durable that is gone, and never spins."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.bus import Bus
from chassis.pull import Delivery, Pull, PullState
from tests.infra import TestNats, eventually
from tests.integration.chassis.kinds import AskConsumer
from tests.integration.chassis.numbered_events import publish, several
from tests.integration.chassis.stage import DURABLE, STREAM


@pytest.fixture
async def pull(audit_bus: Bus) -> AsyncIterator[Pull]:
    pull = Pull(audit_bus, STREAM, DURABLE, batch=10, expires=2, heartbeat=0.2)
    yield pull
    await pull.stop()


async def take(pull: Pull, count: int) -> list[Delivery]:
    taken: list[Delivery] = []
    while len(taken) < count:
        batch = await pull.next_batch(1.0)
        assert len(batch) <= 10
        await pull.ack(batch)
        taken += batch
    return taken


async def test_it_delivers_in_order_in_bounded_batches(
    pull: Pull, registry_bus: Bus, consumer_info: AskConsumer
) -> None:
    events = several(35)
    await publish(registry_bus, events)
    taken = await take(pull, 35)
    assert [delivery.stream_sequence for delivery in taken] == list(range(1, 36))
    assert [delivery.data for delivery in taken] == [event.data for event in events]
    assert taken[0].headers["ce-id"] == str(events[0].id)
    await eventually(lambda: nothing_pending(consumer_info))
    assert pull.state is PullState.LIVE


async def nothing_pending(consumer_info: AskConsumer) -> bool:
    return bool((await consumer_info()).num_ack_pending == 0)


async def test_an_idle_loop_asks_seldom(pull: Pull) -> None:
    for _ in range(5):
        assert await pull.next_batch(0.2) == []
    assert pull._requests <= 2


async def test_it_goes_on_after_the_server_was_killed(
    pull: Pull, registry_bus: Bus, nats_server: TestNats, consumer_info: AskConsumer
) -> None:
    await publish(registry_bus, several(5))
    await take(pull, 5)
    await eventually(lambda: nothing_pending(consumer_info))
    nats_server.kill()
    assert await pull.next_batch(0.1) == []
    await nats_server.start()
    await eventually(lambda: connected(registry_bus))
    later = several(5, first=6)
    await publish(registry_bus, later)
    # A killed server may have forgotten acknowledgements, so that the first five may come once more.
    taken: set[str] = set()
    while not {str(event.id) for event in later} <= taken:
        taken |= {delivery.headers["ce-id"] for delivery in await take(pull, 1)}


async def connected(bus: Bus) -> bool:
    return bool(bus.is_connected)


async def test_a_lost_request_is_made_again_after_missed_heartbeats(
    pull: Pull, registry_bus: Bus, audit_bus: Bus
) -> None:
    await pull.next_batch(0.1)
    # The server forgets the request without a word, as after a change of leader: it waits on an inbox that is gone.
    subscription = pull._subscription
    assert subscription is not None
    await audit_bus.nc._send_unsubscribe(subscription._id)
    await audit_bus.nc._send_subscribe(subscription)
    await publish(registry_bus, several(12))
    assert len(await take(pull, 12)) == 12


async def test_a_durable_that_is_gone_is_noticed_asked_for_gently_and_found_again(
    pull: Pull, ops_bus: Bus, consumer_info: AskConsumer, registry_bus: Bus
) -> None:
    await publish(registry_bus, several(1))
    await take(pull, 1)
    config = (await consumer_info()).config
    await ops_bus.js.delete_consumer(STREAM, DURABLE)
    await pull.next_batch(0.3)
    assert pull.state is PullState.GONE
    asked = pull._requests
    for _ in range(5):
        await pull.next_batch(0.2)
    assert pull._requests - asked <= 5
    await eventually(lambda: not pull._asked)  # an answer to the last of them may be on its way
    gone_for = pull.gone_for
    assert gone_for > 0.2
    await asyncio.sleep(
        0.05
    )  # whoever is busy with a batch for long does not ask, and must not be ended for it
    assert pull.gone_for == gone_for
    await ops_bus.js.add_consumer(STREAM, config)
    await publish(registry_bus, several(3, first=2))
    assert len(await take(pull, 4)) == 4
    assert pull.state.value == "live"


async def test_a_durable_that_is_not_there_yet_is_not_gone(
    audit_bus: Bus, ops_bus: Bus, consumer_info: AskConsumer, registry_bus: Bus
) -> None:
    config = (await consumer_info()).config
    await ops_bus.js.delete_consumer(STREAM, DURABLE)
    pull = Pull(audit_bus, STREAM, DURABLE, batch=10, heartbeat=0.2)
    assert await pull.next_batch(0.3) == []
    assert pull.state is PullState.STARTING
    await ops_bus.js.add_consumer(STREAM, config)
    await publish(registry_bus, several(3))
    assert len(await take(pull, 3)) == 3
    await pull.stop()


async def test_a_negative_acknowledgement_comes_back_after_its_delay(pull: Pull, registry_bus: Bus) -> None:
    await publish(registry_bus, several(1))
    [delivery] = await pull.next_batch(1.0)
    await pull.nak(delivery, 0.3)
    assert await pull.next_batch(0.1) == []
    [again] = await take(pull, 1)
    assert again.stream_sequence == delivery.stream_sequence


@pytest.mark.parametrize(
    ("reply", "sequence"),
    [
        ("$JS.ACK.REGISTRY.audit-inbox.1.57.60.1700000000000000000.0", 57),
        ("$JS.ACK._.ACCOUNT.REGISTRY.audit-inbox.1.57.60.1700000000000000000.0", 57),
        ("$JS.ACK._.ACCOUNT.REGISTRY.audit-inbox.1.57.60.1700000000000000000.0.token", 57),
        ("", None),
    ],
)
def test_the_stream_sequence_is_read_from_both_forms_of_the_ack_subject(
    reply: str, sequence: int | None
) -> None:
    assert Delivery({}, b"", reply).stream_sequence == sequence
