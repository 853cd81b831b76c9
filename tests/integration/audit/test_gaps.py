"""Numbers of a source that did not arrive: asked for, said once when a replay does not bring them, never forgotten."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import Database, DatabaseUnavailable
from chassis.gaps import Gap, GapFiller, GapSettings, Hole
from chassis.inbox import Consumer
from services.audit.consumers import sequencer
from services.audit.gaps.book import GapBook
from services.audit.gaps.operations import gap_id_of
from services.audit.records.record import PLATFORM
from tests.infra import eventually
from tests.integration.audit.source import SOURCE, Source
from tests.integration.audit.stage import KEYS, Log

DETECTED, REPAIRED = "audit.gap.detected.v1", "audit.gap.repaired.v1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def source(
    database: Callable[[str], Awaitable[Database]], bus: Callable[[str], Awaitable[Bus]]
) -> Source:
    made = Source(await database("registry"), await bus("registry"))
    await made.begin()
    return made


class Process:
    """One life of audit's search for holes; its rounds and its time are the test's."""

    def __init__(self, log: Log, bus: Bus) -> None:
        self.log = log
        self.clock = ManualClock(NOW)
        self.is_listening = True
        self.book = GapBook(log.database, self.clock, seconds=60, is_listening=lambda: self.is_listening)
        self.fails = 0
        self.consumer = Consumer(
            bus=bus,
            database=log.database,
            clock=self.clock,
            service="audit",
            stream="REGISTRY",
            durable="audit-inbox",
            apply=sequencer(self.clock, KEYS),
        )
        self.filler = GapFiller(
            bus=bus,
            database=log.database,
            clock=self.clock,
            service="audit",
            consumers=[self.consumer],
            on_gap=self._note,
            settings=GapSettings(answer_seconds=1),
        )

    async def _note(self, gap: Gap) -> None:
        if self.fails:
            self.fails -= 1
            raise DatabaseUnavailable("for now")
        await self.book.note(gap)

    async def round(self, later: float = 0.0) -> None:
        self.clock.advance(timedelta(seconds=later))
        await self.filler.look()
        await self.book.settle()

    async def alarm(self) -> None:
        """Until it is said: a replay is asked for, and does not help in time."""
        await self.round()
        await self.round(later=6)
        await self.round(later=30)


@pytest.fixture
async def start(log: Log, bus: Callable[[str], Awaitable[Bus]]) -> Callable[[], Process]:
    audit_bus = await bus("audit")
    return lambda: Process(log, audit_bus)


async def gaps_said(log: Log) -> list[tuple[str, int, int]]:
    return [(type_, body["first"], body["last"]) for type_, body in await log.said("audit.gap.")]


async def state_of_gaps(log: Log) -> list[tuple[str, int, int]]:
    rows = await log.admin.fetch("select state, first, last from audit.gap order by first")
    return [(row["state"], row["first"], row["last"]) for row in rows]


async def hole_of_two(source: Source, process: Process) -> list[UUID]:
    """Numbers 2 and 3 stay behind in the outbox, 4 arrives; the ids of those left behind."""
    ids = [await source.say() for _ in range(3)]
    await source.publish((await source.number())[2:])
    reading = asyncio.create_task(process.consumer.run())
    await eventually(lambda: has_seen(process.log, "{[1,2),[4,5)}"), what="the numbers around the hole")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return ids[:2]


async def has_seen(log: Log, numbers: str) -> bool:
    return bool(await log.admin.fetchval("select seen::text from audit.source_progress") == numbers)


def body_of(hole: Hole) -> dict[str, Any]:
    """What both events say of a hole."""
    return {
        "tenant_id": None,
        "gap_id": str(gap_id_of(hole)),
        "source": hole.source,
        "epoch": hole.epoch,
        "first": hole.first,
        "last": hole.last,
    }


async def test_the_running_service_says_a_hole_and_its_repair_once_and_gives_the_record_its_leaf(
    audit: httpx.AsyncClient, source: Source, log: Log
) -> None:
    tenant = UUID(int=7)
    kept_back = await source.say(tenant)
    await source.say(tenant)
    rows = await source.number()
    await source.publish(rows[1:])

    async def are_said(many: int) -> bool:
        return len(await log.said("audit.gap.")) >= many

    await eventually(lambda: are_said(1), what="the alarm")
    await source.answer_replays()
    await eventually(lambda: are_said(2), what="the repair")
    told = body_of(Hole(SOURCE, source.epoch, 2, 2))
    assert await log.said("audit.gap.") == [(DETECTED, told), (REPAIRED, told)]
    records = await log.records(tenant)
    assert [row["record_id"] for row in records][1:] == [kept_back]
    assert [row["leaf_index"] for row in records] == [0, 1]

    async def is_recorded() -> bool:
        return {DETECTED, REPAIRED} <= {row["action"] for row in await log.records(PLATFORM)}

    await eventually(is_recorded, what="the leaves of what audit itself said")
    assert [row["action"] for row in await log.records(PLATFORM)].count(DETECTED) == 1


async def test_a_restart_between_detection_and_repair_says_neither_twice(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    first = start()
    ids = await hole_of_two(source, first)
    await first.alarm()
    assert await gaps_said(log) == [(DETECTED, 2, 3)]
    again = start()
    await again.round()
    await again.round(later=6)
    assert await gaps_said(log) == [(DETECTED, 2, 3)]
    await source.answer_replays()
    await again.round(later=6)
    await again.round()
    await again.round()
    assert await gaps_said(log) == [(DETECTED, 2, 3), (REPAIRED, 2, 3)]
    for event_id in ids:
        assert (
            await log.admin.fetchval("select count(*) from audit.audit_event where record_id = $1", event_id)
            == 1
        )


async def test_a_gap_that_filled_while_nobody_watched_is_said_to_be_repaired(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    """The process ends between the answer of the source and the round that would have seen it; two others look after."""
    first = start()
    await hole_of_two(source, first)
    await first.alarm()
    await source.answer_replays()
    first.clock.advance(timedelta(seconds=6))
    await first.filler.look()
    assert await state_of_gaps(log) == [("detected", 2, 3)]
    books = [start().book for _ in range(2)]
    await asyncio.gather(*(book.settle() for book in books))
    assert await gaps_said(log) == [(DETECTED, 2, 3), (REPAIRED, 2, 3)]


async def test_what_a_restart_finds_left_of_a_gap_is_no_gap_of_its_own(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    first = start()
    await hole_of_two(source, first)
    await first.alarm()
    await first.consumer.receive([await source.delivery(2)])
    again = start()
    await again.round()
    await again.round(later=6)
    assert await gaps_said(log) == [(DETECTED, 2, 3)]
    await again.consumer.receive([await source.delivery(3)])
    await again.round()
    assert await gaps_said(log) == [(DETECTED, 2, 3), (REPAIRED, 2, 3)]


async def forget(log: Log, number: int) -> None:
    """The source's outbox has dropped the event of this number."""
    gone = await log.admin.execute(
        "delete from registry.outbox where id = (select outbox_id from registry.outbox_sequence where seq = $1)",
        number,
    )
    assert gone == "DELETE 1"


async def test_numbers_that_the_source_lost_leave_a_gap_that_is_never_repaired(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    process = start()
    await hole_of_two(source, process)
    await forget(log, 2)
    await source.answer_replays()
    await process.round()
    for _ in range(5):
        await process.round(later=6)
    await process.book.settle()
    assert await gaps_said(log) == [(DETECTED, 2, 3)]
    assert await state_of_gaps(log) == [("lost", 2, 3)]


async def test_news_that_could_not_be_written_are_written_in_the_next_round(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    process = start()
    await hole_of_two(source, process)
    await process.round()
    process.fails = 1
    with pytest.raises(DatabaseUnavailable):
        await process.round(later=6)
    await process.round()
    await process.round(later=30)
    assert await gaps_said(log) == [(DETECTED, 2, 3)]
    await source.answer_replays()
    await process.round(later=6)
    process.fails = 1
    with pytest.raises(DatabaseUnavailable):
        await process.round()
    await process.round()
    assert await gaps_said(log) == [(DETECTED, 2, 3), (REPAIRED, 2, 3)]


async def test_a_hole_that_a_replay_fills_in_time_is_in_the_book_and_said_nowhere(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    process = start()
    await hole_of_two(source, process)
    await source.answer_replays()
    await process.round()
    await process.round(later=6)
    await process.round(later=60)
    assert await state_of_gaps(log) == [("repaired", 2, 3)]
    assert await gaps_said(log) == []


async def test_what_the_source_lost_is_said_at_once(
    start: Callable[[], Process], source: Source, log: Log
) -> None:
    """There is nothing to wait for: three complete answers come within fifteen seconds."""
    process = start()
    await hole_of_two(source, process)
    await forget(log, 3)
    await source.answer_replays()
    await process.round()
    for _ in range(3):
        await process.round(later=6)
    assert await gaps_said(log) == [(DETECTED, 2, 3)]
    assert await state_of_gaps(log) == [("lost", 2, 3)]
