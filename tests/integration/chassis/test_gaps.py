"""Holes in a source's numbering are noticed, asked from the source and filled through the inbox."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import Tx
from chassis.gaps import Gap, GapFiller, GapSettings, GapState
from chassis.inbox import Consumer
from contracts.envelope import Message
from tests.infra import TestNats, eventually
from tests.integration.chassis.kinds import NewConsumer, Running, StartPart
from tests.integration.chassis.numbered_events import Numbered, answer_replays, numbered, publish, several
from tests.integration.chassis.stage import Stage, one_by_one

Asked = list[dict[str, object]]
SETTINGS = GapSettings(poll=0.05, patience=5, retry=5, answer_seconds=1)


class Watched:
    """A gap filler whose rounds and time are the test's."""

    def __init__(self, bus: Bus, stage: Stage, consumer: Consumer) -> None:
        self.consumer = consumer
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.gaps: list[Gap] = []
        self.filler = GapFiller(
            bus=bus,
            database=stage.database,
            clock=self.clock,
            service="audit",
            consumers=[consumer],
            on_gap=self._note,
            settings=SETTINGS,
        )

    async def _note(self, gap: Gap) -> None:
        self.gaps.append(gap)

    async def round(self, later: float = 0.0) -> None:
        self.clock.advance(timedelta(seconds=later))
        await self.filler.look()

    @property
    def said(self) -> list[tuple[GapState, int, int]]:
        return [(gap.state, gap.hole.first, gap.hole.last) for gap in self.gaps]


@pytest.fixture
def watched(audit_bus: Bus, stage: Stage, new_consumer: NewConsumer) -> Watched:
    return Watched(audit_bus, stage, new_consumer(one_by_one()))


async def take(watched: Watched, events: list[Numbered]) -> None:
    await watched.consumer.receive([event.delivery for event in events])


async def test_a_hole_is_filled_from_its_source_after_five_seconds(
    watched: Watched, stage: Stage, registry_bus: Bus
) -> None:
    events = several(20)
    asked: Asked = []
    await answer_replays(registry_bus, events, asked)
    await take(watched, events[:4] + events[11:])
    await watched.round()
    await watched.round(later=4.9)
    assert asked == [], "reordering and redelivery get their time first"
    await watched.round(later=0.2)
    assert asked[0] == {"epoch": "01", "from": 5, "to": 11, "limit": SETTINGS.page}
    assert len(asked) == 3, "three to a page"
    await watched.round()
    assert await stage.seen() == {"01": "{[1,21)}"}
    assert sorted(await stage.effects()) == sorted(event.id for event in events)
    assert watched.said == [(GapState.DETECTED, 5, 11), (GapState.REPAIRED, 5, 11)]


async def test_a_hole_that_closes_by_itself_is_not_asked_for(
    watched: Watched, stage: Stage, registry_bus: Bus
) -> None:
    events = several(3)
    asked: Asked = []
    await answer_replays(registry_bus, events, asked)
    await take(watched, [events[0], events[2]])
    await watched.round()
    await take(watched, [events[1]])
    await watched.round(later=6)
    assert asked == []
    assert watched.said == []


async def test_a_silent_source_is_asked_again_until_it_answers(
    watched: Watched, stage: Stage, registry_bus: Bus
) -> None:
    events = several(3)
    asked: Asked = []
    await take(watched, [events[0], events[2]])
    await watched.round()
    for _ in range(3):
        await watched.round(later=6)
    assert watched.said == [(GapState.DETECTED, 2, 2)]
    await answer_replays(registry_bus, events, asked)
    await watched.round(later=6)
    await watched.round()
    assert watched.said == [(GapState.DETECTED, 2, 2), (GapState.REPAIRED, 2, 2)]
    assert await stage.seen() == {"01": "{[1,4)}"}


async def test_what_the_source_has_no_more_is_reported_lost_once(
    watched: Watched, stage: Stage, registry_bus: Bus
) -> None:
    events = several(9)
    asked: Asked = []
    await answer_replays(registry_bus, events[5:], asked)
    await take(watched, [events[8]])
    await watched.round()
    for _ in range(6):
        await watched.round(later=6)
    assert watched.said == [(GapState.DETECTED, 1, 8), (GapState.LOST, 1, 5)]
    asked.clear()
    await watched.round(later=60)
    assert asked == [], "what is lost is not asked for again"
    assert len(await stage.effects()) == 4


async def test_a_new_epoch_is_a_new_numbering_and_drops_no_event_as_seen(
    watched: Watched, stage: Stage, registry_bus: Bus
) -> None:
    """The source was restored: it gives numbers 1, 2, … again, to events old and new."""
    old, new = several(5), several(4, epoch="02")
    renumbered = old[3].renumbered("02", 5)
    await answer_replays(registry_bus, [*old, *new, renumbered], [])
    await take(watched, old)
    await take(watched, [new[0], new[3], renumbered])
    await watched.round()
    await watched.round(later=6)
    assert await stage.seen() == {"01": "{[1,6)}", "02": "{[1,6)}"}
    assert sorted(await stage.effects()) == sorted(event.id for event in old + new)


async def test_a_hole_whose_event_fails_for_now_is_neither_lost_nor_forgotten(
    watched: Watched, stage: Stage, registry_bus: Bus, new_consumer: NewConsumer, audit_bus: Bus
) -> None:
    events, failing = several(3), [True]

    async def apply(tx: Tx, messages: Sequence[Message]) -> None:
        if failing[0] and events[1].id in [message.envelope.id for message in messages]:
            raise RuntimeError("for now")

    watched = Watched(audit_bus, stage, new_consumer(apply))
    await answer_replays(registry_bus, events, [])
    await take(watched, [events[0], events[2]])
    await watched.round()
    for _ in range(5):
        await watched.round(later=6)
    assert watched.said == [(GapState.DETECTED, 2, 2)]
    failing[0] = False
    await watched.round(later=6)
    await watched.round()
    assert watched.said[-1] == (GapState.REPAIRED, 2, 2)


async def test_one_process_of_a_service_looks_at_a_time_and_another_takes_over(
    stage: Stage, registry_bus: Bus, audit_bus: Bus, new_consumer: NewConsumer, start_part: StartPart
) -> None:
    events = several(5)
    asked: Asked = []
    await answer_replays(registry_bus, events, asked)
    consumer = new_consumer(one_by_one())
    await consumer.receive([events[0].delivery, events[4].delivery])
    fillers = [Watched(audit_bus, stage, consumer) for _ in range(2)]
    for watched in fillers:
        watched.clock.advance(timedelta(days=1))
    tasks = [start_part(watched.filler) for watched in fillers]
    await eventually(lambda: any_looking(fillers))
    [leader] = [number for number, watched in enumerate(fillers) if watched.filler._watched]
    tasks[leader].cancel()
    other = fillers[1 - leader]
    await eventually(lambda: any_looking([other]))
    other.clock.advance(timedelta(seconds=6))
    await eventually(lambda: is_whole(stage))
    assert [request["from"] for request in asked][:1] == [2]


async def any_looking(fillers: list[Watched]) -> bool:
    return any(watched.filler._watched for watched in fillers)


async def is_whole(stage: Stage) -> bool:
    return await stage.seen() == {"01": "{[1,6)}"}


async def test_after_the_loss_of_the_whole_bus_consumers_fill_their_holes(
    stage: Stage,
    nats_server: TestNats,
    running: Running,
    registry_bus: Bus,
    audit_bus: Bus,
    start_part: StartPart,
) -> None:
    """Published and never consumed, then the JetStream folder is gone: only the source still has it."""
    seen, lost, after = several(10), several(10, first=11), several(10, first=21)
    await answer_replays(registry_bus, [*seen, *lost, *after], [])
    await publish(registry_bus, seen)
    _, first = running(one_by_one())
    await eventually(lambda: has_seen(stage, "{[1,11)}"))
    first.cancel()
    await publish(registry_bus, lost)

    nats_server.kill()
    nats_server.wipe()
    await nats_server.start()
    await nats_server.provision()
    consumer, _ = running(one_by_one())
    filler = GapFiller(
        bus=audit_bus,
        database=stage.database,
        clock=ManualClock(datetime(2026, 1, 1, tzinfo=UTC)),
        service="audit",
        consumers=[consumer],
        settings=GapSettings(poll=0.05, patience=0),
    )
    await registry_bus.wait_connected()
    await publish(registry_bus, after)
    start_part(filler)
    await eventually(lambda: has_seen(stage, "{[1,31)}"))
    assert sorted(await stage.effects()) == sorted(event.id for event in [*seen, *lost, *after])


async def has_seen(stage: Stage, numbers: str) -> bool:
    return await stage.seen() == {"01": numbers}


async def test_heartbeats_show_a_hole_at_the_end(watched: Watched, stage: Stage, registry_bus: Bus) -> None:
    """A heartbeat is numbered like any event, so the numbers before it are missed even if nothing else follows."""
    events = several(4)
    await answer_replays(registry_bus, events, [])
    await take(watched, events[:1])
    await take(watched, [numbered(5)])
    await watched.round()
    await watched.round(later=6)
    assert await stage.seen() == {"01": "{[1,6)}"}
