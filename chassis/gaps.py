"""Holes in a source's numbering: noticed in `source_progress`, asked from its outbox, filled through the inbox."""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from chassis.bus import Bus, BusUnavailable
from chassis.clock import Clock
from chassis.db import Database, load_queries
from chassis.errors import Transient
from chassis.incoming import read_position
from chassis.receiver import Receiver, Verdict
from chassis.rpc import ask_replay
from contracts.subjects import STREAMS, service_of

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("inbox.sql"))


class GapState(enum.Enum):
    DETECTED = "detected"
    REPAIRED = "repaired"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers `first` to `last`, both included, that have not arrived."""

    source: str
    epoch: str
    first: int
    last: int

    def holds(self, part: "Hole") -> bool:
        return (
            (self.source, self.epoch) == (part.source, part.epoch)
            and self.first <= part.first
            and part.last <= self.last
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """What `on_gap` is told: LOST is an alert, the other two are news."""

    hole: Hole
    state: GapState
    since: datetime


OnGap = Callable[[Gap], Awaitable[None]]
"""Told again when it raised Transient, so it must bear the same news twice."""


@dataclass(frozen=True, slots=True)
class GapSettings:
    """Every bound of the search for holes; times in seconds."""

    poll: float = 1.0
    patience: float = 5.0
    """Reordering and redelivery close most holes by themselves within this time."""
    retry: float = 5.0
    page: int = 200
    max_holes: int = 1_000
    answer_seconds: float = 5.0
    empty_answers: int = 3
    """So many complete answers without a number mean that the source does not have it any more."""


@dataclass(slots=True, eq=False)
class Watch:
    """A hole as first seen; what is left of it after a partial answer shares its watch."""

    hole: Hole
    since: datetime
    asked_at: datetime | None = None
    empty_answers: int = 0
    is_lost: bool = False


async def say_nothing(gap: Gap) -> None:
    """The default `on_gap`: the log line is enough."""


class GapFiller:
    """A part of each consuming service; one process per service at a time looks, by advisory lock."""

    name = "gaps"

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        clock: Clock,
        service: str,
        consumers: Sequence[Receiver],
        on_gap: OnGap = say_nothing,
        settings: GapSettings | None = None,
    ) -> None:
        self._bus = bus
        self._database = database
        self._clock = clock
        self._service = service
        self._consumers = {consumer.stream: consumer for consumer in consumers}
        self._on_gap = on_gap
        self._settings = settings or GapSettings()
        self._watched: dict[Hole, Watch] = {}

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                await self._lead()
            except (Transient, OSError) as error:
                log.info("gaps.waiting", service=self._service, error=repr(error))
            await asyncio.sleep(self._settings.poll)

    async def _lead(self) -> None:
        """Hold the lock on a connection of its own; when that breaks, another process may lead."""
        async with self._database.leadership(f"{self._service}:gaps") as leader:
            log.info("gaps.leading", service=self._service)
            while await leader.holds():
                await self.look()
                await asyncio.sleep(self._settings.poll)

    async def look(self) -> None:
        """One round: remember new holes, report filled ones, ask for those past patience."""
        now = self._clock.now()
        holes = await self._find_holes()
        watched = {hole: self._watch_of(hole) or Watch(hole, now) for hole in holes}
        still_open = set(watched.values())
        for watch in dict.fromkeys(self._watched.values()):
            if watch not in still_open and watch.asked_at is not None and not watch.is_lost:
                await self._report(watch.hole, GapState.REPAIRED, watch.since)
        self._watched = watched  # only now: news that could not be told are told in the next round
        for hole, watch in watched.items():
            if self._is_due(watch, now):
                await self._ask(hole, watch)

    def _watch_of(self, hole: Hole) -> Watch | None:
        same = self._watched.get(hole)
        return same or next((watch for old, watch in self._watched.items() if old.holds(hole)), None)

    async def _find_holes(self) -> list[Hole]:
        async with self._database.platform_reading() as tx:
            rows = [row async for row in queries.select_holes(tx, holes=self._settings.max_holes)]
        return [Hole(row["source"], row["epoch"], row["first"], row["last"]) for row in rows]

    def _is_due(self, watch: Watch, now: datetime) -> bool:
        if watch.asked_at is not None:
            return now - watch.asked_at >= timedelta(seconds=self._settings.retry)
        return now - watch.since >= timedelta(seconds=self._settings.patience)

    async def _ask(self, hole: Hole, watch: Watch) -> None:
        consumer = self._consumers.get(STREAMS[service_of(hole.source)])
        if consumer is None:
            return
        if watch.asked_at is None:
            await self._report(watch.hole, GapState.DETECTED, watch.since)
        watch.asked_at = self._clock.now()
        try:
            unfinished = await self._fetch(hole, consumer)
        except BusUnavailable as error:
            log.warning("gaps.source_silent", source=hole.source, error=str(error))
            return
        await self._weigh(hole, watch, unfinished)

    async def _fetch(self, hole: Hole, consumer: Receiver) -> set[int]:
        """All pages through the inbox; returns the numbers whose handler has failed for now."""
        unfinished: set[int] = set()
        first: int | None = hole.first
        while first is not None:
            page = await ask_replay(
                self._bus,
                hole.source,
                hole.epoch,
                first,
                hole.last,
                self._settings.page,
                self._settings.answer_seconds,
            )
            if page.deliveries:
                verdict = await consumer.receive(page.deliveries)
                unfinished |= self._numbers_of(verdict, consumer.stream)
            if page.next is not None and page.next <= first:
                raise BusUnavailable(f"{hole.source} answers a replay in circles at {first}")
            first = page.next
        return unfinished

    @staticmethod
    def _numbers_of(verdict: Verdict, stream: str) -> set[int]:
        positions = [read_position(delivery.headers, stream) for delivery, _ in verdict.later]
        return {position.sequence for position in positions if position is not None}

    async def _weigh(self, hole: Hole, watch: Watch, unfinished: set[int]) -> None:
        """What the source does not have in several complete answers is lost: said once, and not asked for again."""
        absent = await self._absent(hole, unfinished)
        if not absent:
            watch.empty_answers = 0
            return
        watch.empty_answers += 1
        if watch.empty_answers < self._settings.empty_answers:
            return
        for lost in absent:  # before it is forgotten below: an alert twice is better than none
            await self._report(lost, GapState.LOST, watch.since)
        watch.is_lost = True
        async with self._database.worker() as tx:
            for lost in absent:
                await queries.give_up(
                    tx,
                    source=lost.source,
                    epoch=lost.epoch,
                    first=lost.first,
                    last=lost.last,
                    at=self._clock.now(),
                )

    async def _absent(self, hole: Hole, unfinished: set[int]) -> list[Hole]:
        """What is still missing and was not in the answer, cut at the numbers that only wait for their handler."""
        async with self._database.platform_reading() as tx:
            rows = queries.missing_in(
                tx,
                source=hole.source,
                epoch=hole.epoch,
                first=hole.first,
                last=hole.last,
                waiting=sorted(unfinished),
            )
            return [Hole(hole.source, hole.epoch, row["first"], row["last"]) async for row in rows]

    async def _report(self, hole: Hole, state: GapState, since: datetime) -> None:
        level = log.error if state is GapState.LOST else log.warning
        level(
            "gaps.gap",
            state=state.value,
            source=hole.source,
            epoch=hole.epoch,
            first=hole.first,
            last=hole.last,
        )
        await self._on_gap(Gap(hole, state, since))
