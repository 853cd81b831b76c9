"""Dead letters are listed, shown, replayed through the same inbox, and discarded."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from chassis import dead_letters
from chassis.clock import SystemClock
from chassis.db import Tx
from chassis.dead_letters import DeadLetterReplayer
from chassis.errors import Permanent
from chassis.inbox import Consumer
from contracts.envelope import Message
from tests.integration.chassis.kinds import NewConsumer
from tests.integration.chassis.numbered_events import Numbered, several
from tests.integration.chassis.stage import Stage, write_effects


class Refusing:
    """A batch handler that refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.refused: set[UUID] = set()

    async def apply(self, tx: Tx, messages: Sequence[Message]) -> None:
        if self.refused & {message.envelope.id for message in messages}:
            raise Permanent("refused")
        await write_effects(tx, messages)


async def bury(
    stage: Stage, new_consumer: NewConsumer, count: int = 1
) -> tuple[Refusing, Consumer, list[Numbered]]:
    refusing, events = Refusing(), several(count)
    refusing.refused = {event.id for event in events}
    consumer = new_consumer(refusing.apply)
    await consumer.receive([event.delivery for event in events])
    return refusing, consumer, events


async def test_letters_are_listed_without_bodies_and_shown_with_them(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    _, _, events = await bury(stage, new_consumer, count=3)
    async with stage.database.platform_reading() as tx:
        listed = await dead_letters.list_letters(tx)
        shown = await dead_letters.show_letter(tx, events[0].id)
        assert await dead_letters.show_letter(tx, uuid4()) is None
    assert {letter["id"] for letter in listed} == {event.id for event in events}
    assert "data" not in listed[0]
    assert shown is not None
    assert shown["headers"] == events[0].headers
    assert shown["data"] == events[0].data
    assert (shown["source"], shown["sequence"], shown["epoch"]) == ("/tenantry/registry", 1, "01")


async def test_a_replayed_letter_goes_through_the_inbox_again(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    refusing, consumer, [event] = await bury(stage, new_consumer)
    refusing.refused.clear()
    async with stage.database.worker() as tx:
        assert await dead_letters.replay_letter(tx, event.id, by="operator-1")
        assert not await dead_letters.replay_letter(tx, event.id, by="operator-1"), "it is on its way already"
    await replay_round(stage, consumer)
    await consumer.receive([event.delivery])
    assert await stage.effects() == [event.id]
    [letter] = await stage.letters()
    assert (letter["state"], letter["resolved_by"]) == ("replayed", "operator-1")


async def replay_round(stage: Stage, consumer: Consumer) -> int:
    replayer = DeadLetterReplayer(database=stage.database, clock=SystemClock(), consumers=[consumer])
    return await replayer.replay_asked()


async def test_a_letter_that_fails_again_is_dead_again(stage: Stage, new_consumer: NewConsumer) -> None:
    _, consumer, [event] = await bury(stage, new_consumer)
    async with stage.database.worker() as tx:
        await dead_letters.replay_letter(tx, event.id, by="operator-1")
    assert await replay_round(stage, consumer) == 1
    assert await replay_round(stage, consumer) == 0
    assert [letter["state"] for letter in await stage.letters()] == ["dead"]
    assert await stage.effects() == []


async def test_a_discarded_letter_stays_as_a_record_and_is_not_replayed(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    _, consumer, [event] = await bury(stage, new_consumer)
    async with stage.database.worker() as tx:
        assert await dead_letters.discard_letter(tx, event.id, by="operator-1", at=datetime.now(UTC))
        assert not await dead_letters.replay_letter(tx, event.id, by="operator-1")
        assert await dead_letters.list_letters(tx) == []
        assert len(await dead_letters.list_letters(tx, states=["discarded"])) == 1
    assert await replay_round(stage, consumer) == 0


async def test_an_unreadable_letter_can_be_replayed_after_the_reader_was_mended(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    consumer = new_consumer(write_effects)
    [event] = several(1)
    delivery = event.delivery
    delivery.headers = {**delivery.headers, "ce-time": "yesterday"}
    await consumer.receive([delivery])
    [letter] = await stage.letters()
    async with stage.database.worker() as tx:
        assert await dead_letters.replay_letter(tx, letter["id"], by="operator-1")
    await replay_round(stage, consumer)
    assert [letter["state"] for letter in await stage.letters()] == ["dead"]
