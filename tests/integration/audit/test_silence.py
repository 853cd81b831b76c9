"""Sources that fall silent, and what a gap of a critical source does to lock actions."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.clock import ManualClock
from chassis.gaps import Gap, GapState, Hole
from chassis.ids import uuid7
from contracts.subjects import SERVICES, source_of
from services.audit.errors import LockActionsHalted
from services.audit.gaps import halts
from services.audit.gaps.book import GapBook
from tests.integration.audit.stage import Log

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DETECTED, REPAIRED = "audit.gap.detected.v1", "audit.gap.repaired.v1"
HALTED, RESUMED = "audit.lock_actions.halted.v1", "audit.lock_actions.resumed.v1"
TENANT = uuid7()


class Watch:
    """The book under a clock that the test moves; sources are heard when the test says so."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.clock = ManualClock(NOW)
        self.is_listening = True
        self.book = GapBook(log.database, self.clock, seconds=60, is_listening=lambda: self.is_listening)

    async def hear(self, *services: str) -> None:
        """A heartbeat of each was taken in."""
        for service in services:
            await self.log.admin.execute(
                "insert into audit.source_progress (source, epoch, seen, updated_at) values ($1, 'e', '{[1,8)}', $2)"
                " on conflict (source, epoch) do update set updated_at = excluded.updated_at",
                source_of(service),
                self.clock.now(),
            )

    async def round(self, later: float = 0.0) -> None:
        self.clock.advance(timedelta(seconds=later))
        await self.book.settle()

    async def said(self, *types: str) -> list[tuple[str, str]]:
        """(type, source) of gaps in order; of halts their cause."""
        found = await self.log.said("audit.")
        return [
            (type_, body.get("source") or body.get("cause") or "all")
            for type_, body in found
            if type_ in types
        ]

    async def is_halted(self) -> bool:
        async with self.log.database.reading(TENANT) as tx:
            try:
                await halts.refuse_when_halted(tx, TENANT)
            except LockActionsHalted:
                return True
        return False


@pytest.fixture
def watch(log: Log) -> Watch:
    return Watch(log)


async def test_a_source_without_a_heartbeat_for_ninety_seconds_is_said_once_and_once_when_it_is_heard_again(
    watch: Watch,
) -> None:
    await watch.hear(*SERVICES)
    await watch.round()
    await watch.round(later=80)
    await watch.hear("registry", "bff", "audit", "notifier")
    await watch.round(later=20)
    await watch.round()
    assert await watch.said(DETECTED, REPAIRED) == [(DETECTED, "/tenantry/sync")]
    [(_, body)] = await watch.log.said(DETECTED)
    assert (body["epoch"], body["first"], body["last"]) == ("e", 8, None)
    assert not await watch.is_halted(), "sync is no critical source"
    await watch.hear("sync")
    await watch.round(later=1)
    await watch.round()
    assert await watch.said(DETECTED, REPAIRED) == [
        (DETECTED, "/tenantry/sync"),
        (REPAIRED, "/tenantry/sync"),
    ]


async def test_a_source_that_was_never_heard_is_silent_too(watch: Watch) -> None:
    await watch.hear("registry", "bff", "audit", "sync")
    await watch.round()
    for _ in range(4):
        await watch.hear("registry", "bff", "audit", "sync")
        await watch.round(later=30)
    assert await watch.said(DETECTED) == [(DETECTED, "/tenantry/notifier")]


async def test_while_nobody_listened_nobody_was_silent(watch: Watch) -> None:
    await watch.hear(*SERVICES)
    await watch.round()
    watch.is_listening = False
    await watch.round(later=300)
    watch.is_listening = True
    await watch.round(later=60)
    await watch.round(later=60)
    assert await watch.said(DETECTED) == [], "a minute of listening proves no silence"
    await watch.round(later=60)
    assert len(await watch.said(DETECTED)) == len(SERVICES)


async def test_a_restart_says_a_silence_neither_twice_nor_from_before_its_own_time(watch: Watch) -> None:
    await watch.hear(*SERVICES)
    await watch.round()
    await watch.round(later=100)
    assert len(await watch.said(DETECTED)) == len(SERVICES)
    again = Watch(watch.log)
    again.clock.advance(timedelta(seconds=150))
    await again.round()
    await again.round(later=100)
    assert len(await again.said(DETECTED)) == len(SERVICES)


async def test_a_silent_bff_halts_lock_actions_until_it_is_heard_again(watch: Watch) -> None:
    others = [service for service in SERVICES if service != "bff"]
    await watch.hear(*SERVICES)
    await watch.round()
    await watch.round(later=60)
    await watch.hear(*others)
    assert not await watch.is_halted()
    await watch.round(later=40)
    assert await watch.is_halted()
    assert await watch.said(HALTED) == [(HALTED, "gap")]
    await watch.hear("bff")
    await watch.round(later=1)
    assert not await watch.is_halted()
    assert await watch.said(HALTED, RESUMED) == [(HALTED, "gap"), (RESUMED, "all")]


async def test_a_hole_of_the_bff_halts_when_no_replay_fills_it_and_ends_with_its_repair(watch: Watch) -> None:
    hole = Hole(source_of("bff"), "e", 8, 9)
    await watch.hear(*SERVICES)
    await watch.book.note(Gap(hole, GapState.DETECTED, watch.clock.now()))
    await watch.round(later=29)
    assert not await watch.is_halted()
    await watch.round(later=1)
    assert await watch.is_halted()
    await watch.log.admin.execute("update audit.source_progress set seen = '{[1,10)}'")
    await watch.round(later=1)
    assert not await watch.is_halted()


async def test_a_lost_hole_of_the_bff_halts_at_once_and_for_good(watch: Watch) -> None:
    hole = Hole(source_of("bff"), "e", 8, 9)
    await watch.hear(*SERVICES)
    await watch.book.note(Gap(hole, GapState.DETECTED, watch.clock.now()))
    await watch.book.note(Gap(hole, GapState.LOST, watch.clock.now()))
    assert await watch.is_halted()
    await watch.round(later=1)
    assert await watch.is_halted()
