"""Failure families: only handler failures count; the guilty message is found; nothing is lost meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from chassis.bus import Bus
from chassis.db import Tx
from chassis.errors import Permanent, Transient
from chassis.inbox import Apply, Consumer, InboxSettings, dispatch
from chassis.pull import Delivery
from chassis.receiver import Verdict
from contracts.envelope import Message, Received
from contracts.registry import TenantTrialStartedV1
from tests.cut_line import CutLine
from tests.infra import ServiceDsns, eventually
from tests.integration.chassis.kinds import AskConsumer, NewConsumer, Running, all_acknowledged, deliveries
from tests.integration.chassis.numbered_events import numbered, publish, several
from tests.integration.chassis.stage import (
    Stage,
    one_by_one,
    promise,
    write_effect,
    write_effects,
)

SETTINGS = InboxSettings(max_failures=3, retry_first=0.02, retry_most=0.05, database_retry_first=0.01)

Engine = Callable[["Moody"], Apply]


class Moody:
    """A handler that fails for chosen events as long as it is told to."""

    def __init__(self, guilty: Sequence[UUID], error: Exception) -> None:
        self.guilty = set(guilty)
        self.error = error
        self.calls: list[UUID] = []

    async def on_event(self, tx: Tx, event: Received[TenantTrialStartedV1]) -> None:
        await self._handle(tx, event)

    async def apply(self, tx: Tx, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._handle(tx, message)

    async def _handle(self, tx: Tx, message: Message | Received[TenantTrialStartedV1]) -> None:
        self.calls.append(message.envelope.id)
        await write_effect(tx, message)
        if message.envelope.id in self.guilty:
            raise self.error


@pytest.fixture(params=["one by one", "as a batch"])
def engine(request: pytest.FixtureRequest) -> Callable[[Moody], object]:
    if request.param == "as a batch":
        return lambda moody: moody.apply
    return lambda moody: dispatch({TenantTrialStartedV1: moody.on_event})


async def test_a_poison_message_goes_to_dead_letters_and_the_rest_flows(
    stage: Stage, running: Running, registry_bus: Bus, consumer_info: AskConsumer, engine: Engine
) -> None:
    events = several(30)
    moody = Moody([events[11].id], Permanent("never"))
    await publish(registry_bus, events)
    running(engine(moody), SETTINGS)
    await eventually(lambda: all_acknowledged(consumer_info, 30))
    assert sorted(await stage.effects()) == sorted(event.id for event in events if event is not events[11])
    [letter] = await stage.letters()
    assert (letter["id"], letter["state"], letter["reason"]) == (events[11].id, "dead", "permanent")
    assert letter["error"] == "Permanent: never"
    assert "raise self.error" in letter["stack"]
    assert bytes(letter["data"]) == events[11].data
    assert letter["tenant_id"] == events[11].envelope.tenant_id
    assert await stage.seen() == {"01": "{[1,31)}"}


async def test_a_poison_batch_goes_to_dead_letters_and_the_next_flows(
    stage: Stage, new_consumer: NewConsumer, engine: Engine
) -> None:
    poison, good = several(16), several(4, first=17)
    consumer = new_consumer(engine(Moody([event.id for event in poison], Permanent("never"))), SETTINGS)
    verdict = await consumer.receive([event.delivery for event in poison])
    await consumer.receive([event.delivery for event in good])
    assert len(verdict.done) == 16
    assert len(await stage.letters()) == 16
    assert await stage.effects() == [event.id for event in good]


async def test_a_batch_is_bisected_to_its_guilty_messages_in_few_steps(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    events = several(64)
    sizes: list[int] = []

    async def apply(tx: Tx, messages: Sequence[Message]) -> None:
        sizes.append(len(messages))
        if events[40].id in [message.envelope.id for message in messages]:
            raise Permanent("never")
        await write_effects(tx, messages)

    await new_consumer(apply, SETTINGS).receive([event.delivery for event in events])
    assert len(sizes) == 13  # 64, then two halves each of 6 levels
    assert len(await stage.effects()) == 63


async def test_a_passing_failure_comes_back_later_and_is_counted_in_the_inbox_row(
    stage: Stage, new_consumer: NewConsumer, engine: Engine
) -> None:
    event = numbered(1)
    moody = Moody([event.id], Transient("not now"))
    consumer = new_consumer(engine(moody), SETTINGS)
    first = await consumer.receive([event.delivery])
    second = await consumer.receive([event.delivery])
    assert (first.done, second.done) == ([], [])
    assert first.later[0][1] < second.later[0][1] * 2
    [row] = await stage.inbox()
    assert (row["failures"], row["done_at"]) == (2, None)
    assert await stage.effects() == []
    assert await stage.seen() == {}

    moody.guilty.clear()
    third = await consumer.receive([event.delivery])
    assert len(third.done) == 1
    assert await stage.effects() == [event.id]


async def test_failures_past_the_limit_end_in_a_dead_letter(
    stage: Stage, running: Running, registry_bus: Bus, consumer_info: AskConsumer
) -> None:
    event = numbered(1)
    moody = Moody([event.id], RuntimeError("a bug"))
    await publish(registry_bus, [event])
    running(moody.apply, SETTINGS)
    await eventually(lambda: all_acknowledged(consumer_info, 1))
    [letter] = await stage.letters()
    assert (letter["reason"], letter["failures"], letter["error"]) == ("failures", 3, "RuntimeError: a bug")
    assert moody.calls == [event.id] * 3


async def test_redeliveries_without_a_handler_failure_do_not_count(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    event = numbered(1)
    consumer = new_consumer(one_by_one(), SETTINGS)
    for _ in range(10):
        await consumer.receive([event.delivery])
    [row] = await stage.inbox()
    assert row["failures"] == 0
    assert await stage.letters() == []


async def test_a_body_that_cannot_be_read_is_a_dead_letter_at_once(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    good, bad = several(2)
    bad = replace(bad, data=b'{"tenant_id": 7}')
    verdict = await new_consumer(one_by_one(), SETTINGS).receive([bad.delivery, good.delivery])
    assert len(verdict.done) == 2
    [letter] = await stage.letters()
    assert letter["reason"] == "permanent"
    assert "UndecodableEvent" in letter["error"]
    assert "tenant_id" in letter["error"]
    assert await stage.effects() == [good.id]


@pytest.mark.parametrize(
    "broken",
    [
        {"ce-id": "no uuid"},
        {"ce-id": "166495bd-3e4c-4b7e-9a53-0c4f6a1d2e3f"},
        {"ce-time": "yesterday"},
        {"ce-source": "/tenantry/bff"},
        {"ce-source": "somebody"},
        {"ce-sequence": "9" * 5_000},
        {"ce-aggregateversion": "9" * 5_000},
        {"ce-specversion": "\x00"},
        {"ce-type": ""},
    ],
    ids=lambda broken: "{}={:.12}".format(*next(iter(broken.items()))),
)
async def test_an_envelope_that_cannot_be_read_is_a_dead_letter_once(
    stage: Stage, new_consumer: NewConsumer, broken: dict[str, str]
) -> None:
    good, bad = several(2)
    delivery = bad.delivery
    delivery.headers = {**delivery.headers, **broken}
    consumer = new_consumer(one_by_one(), SETTINGS)
    await consumer.receive([delivery, good.delivery])
    await consumer.receive([delivery])
    [letter] = await stage.letters()
    assert letter["reason"] == "unreadable"
    assert next(iter(broken)) in letter["error"]
    assert await stage.effects() == [good.id]


async def test_a_broken_promise_at_commit_is_the_messages_fault(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    good, bad = several(2)

    async def apply(tx: Tx, messages: Sequence[Message]) -> None:
        await write_effects(tx, messages)
        for message in messages:
            if message.envelope.id == bad.id:
                await promise(tx, message)

    consumer = new_consumer(apply, replace(SETTINGS, max_failures=1))
    verdict = await consumer.receive([bad.delivery, good.delivery])
    assert len(verdict.done) == 2
    assert [letter["id"] for letter in await stage.letters()] == [bad.id]
    assert await stage.effects() == [good.id]


async def test_a_passing_failure_of_a_whole_batch_is_tried_again_in_place(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    events = several(8)
    tries: list[int] = []

    async def apply(tx: Tx, messages: Sequence[Message]) -> None:
        tries.append(len(messages))
        if len(tries) < 3:
            raise Transient("in a moment")
        await write_effects(tx, messages)

    verdict = await new_consumer(apply, SETTINGS).receive([event.delivery for event in events])
    assert tries == [8, 8, 8]
    assert len(verdict.done) == 8
    assert {row["failures"] for row in await stage.inbox()} == {0}


@pytest.mark.parametrize(
    ("ack_wait", "down"),
    [
        pytest.param(0.25, 5.0, id="twenty times ack_wait, as ten minutes are for 30 s"),
        pytest.param(30.0, 600.0, id="ten minutes", marks=[pytest.mark.soak, pytest.mark.timeout(800)]),
    ],
)
async def test_no_message_is_lost_or_counted_while_the_database_is_down(
    ack_wait: float,
    down: float,
    stage: Stage,
    audit_dsns: ServiceDsns,
    new_consumer: NewConsumer,
    running: Running,
    registry_bus: Bus,
    consumer_info: AskConsumer,
    ops_bus: Bus,
) -> None:
    """Deliveries expire again and again meanwhile."""
    await set_ack_wait(ops_bus, ack_wait)
    before, meanwhile = several(20), several(40, first=21)
    async with CutLine("audit", audit_dsns) as line:
        consumer, _ = running(
            one_by_one(), replace(SETTINGS, ack_wait=ack_wait, max_batch=10), database=line.database
        )
        await publish(registry_bus, before)
        await eventually(lambda: has_effects(stage, 20))
        await line.cut()
        await publish(registry_bus, meanwhile)
        await eventually(lambda: is_down(consumer))
        asked = deliveries(await consumer_info())
        await asyncio.sleep(down)  # time itself is what is tested
        assert deliveries(await consumer_info()) - asked <= 20, "it went on pulling"
        await line.mend()
        await eventually(lambda: all_acknowledged(consumer_info, 60), 15 + 3 * ack_wait)
    assert sorted(await stage.effects()) == sorted(event.id for event in before + meanwhile)
    assert {row["failures"] for row in await stage.inbox()} == {0}
    assert await stage.letters() == []


async def has_effects(stage: Stage, count: int) -> bool:
    return len(await stage.effects()) >= count


async def is_down(consumer: Consumer) -> bool:
    return consumer.status()["database_down_since"] is not None


async def set_ack_wait(ops_bus: Bus, seconds: float) -> None:
    info = await ops_bus.js.consumer_info("REGISTRY", "audit-inbox")
    await ops_bus.js.add_consumer("REGISTRY", info.config.evolve(ack_wait=seconds))


class Failing:
    """An intake that fails when it is let go, and no message is to blame."""

    at_once = 1
    database_down_since = None

    def __init__(self) -> None:
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def take(self, deliveries: Sequence[Delivery], *, replayed: bool = False) -> Verdict:
        self.has_begun.set()
        await self.may_end.wait()
        raise RuntimeError(f"no fault of these {len(deliveries)}, {replayed}")


async def test_a_batch_that_fails_while_its_consumer_stops_is_told_of_and_stays_with_the_server(
    new_consumer: NewConsumer, registry_bus: Bus, consumer_info: AskConsumer
) -> None:
    failing = Failing()
    running = asyncio.create_task(new_consumer(write_effects, intake=failing).run())
    await publish(registry_bus, several(1))
    await asyncio.wait_for(failing.has_begun.wait(), 10)
    with capture_logs() as said:
        running.cancel()
        await asyncio.sleep(0)
        failing.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await running
    [error] = [one["error"] for one in said if one["event"] == "inbox.batch_failed"]
    assert "no fault of these 1, False" in error
    assert (await consumer_info()).num_ack_pending == 1
