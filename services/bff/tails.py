"""What is looked up for an opening: above all where each audience stood at the cursor, so that the client sees a hole.

The reader of FEED keeps the last number of each audience that it has seen. One that it has not seen is looked up once:
in FEED, and when all of it has expired there, in the table that numbers the feed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.bus import Bus, BusUnavailable
from chassis.db import Database
from chassis.together import Together
from services.bff.hub import Hub
from services.bff.past import first_behind, has_more, last_of
from services.bff.projector import queries

ON_ITS_WAY = timedelta(hours=1)
"""From its number to FEED an event takes a moment, or as long as the bus is away; FEED keeps it for days."""
LOOK_AGAIN_SECONDS = 0.02
CATCH_UP_SECONDS = 5.0
Row = Any
"""`n` and `changed_at` of an audience, both null where nothing was ever said to it."""


class Tails:
    """Numbers are exact or left out: one too high would make a client take what comes next for a repetition."""

    def __init__(self, hub: Hub, bus: Bus, database: Database) -> None:
        self._hub = hub
        self._bus = bus
        self._database = database
        self._reads: Together[list[tuple[UUID, str]], list[Row]] = Together(self._read)

    async def as_of(self, tenant_id: UUID, audiences: frozenset[str], start: int) -> dict[str, int]:
        """Audience → number of its last event up to `start`. Holds for as long as the caller awaits nothing.

        Raises BusUnavailable.
        """
        ring, tails = self._hub.ring_of(tenant_id), self._hub.tails_of(tenant_id)
        while True:
            floor = ring.floor
            found = (
                {} if ring.covers(start) else await self._before_the_ring(tenant_id, audiences, start, floor)
            )
            await self._look_up(tenant_id, audiences, tails)
            if ring.floor == floor:
                break  # else the ring may have dropped what was said meanwhile
        for entry in ring.after(start):
            if entry.audience in audiences:
                found.setdefault(entry.audience, entry.n - 1)
        for audience in audiences:
            if (tail := tails.get(audience)) is not None:
                found.setdefault(audience, tail)
        return dict(sorted(found.items()))

    async def _before_the_ring(
        self, tenant_id: UUID, audiences: frozenset[str], start: int, floor: int
    ) -> dict[str, int]:
        if not await has_more(self._bus, tenant_id, start, floor):
            return {}
        names = sorted(audiences)
        firsts = await asyncio.gather(*(first_behind(self._bus, tenant_id, name, start) for name in names))
        return {name: first - 1 for name, first in zip(names, firsts, strict=True) if first is not None}

    async def _look_up(self, tenant_id: UUID, audiences: Iterable[str], tails: dict[str, int]) -> None:
        """Learn the tails of audiences of which nothing came since this process reads."""
        unseen = [name for name in audiences if name not in tails]
        if not unseen:
            return
        rows = await self._reads.ask([(tenant_id, audience) for audience in unseen])
        for audience, row in zip(unseen, rows, strict=True):
            # The table is read before FEED: what is in neither was never said.
            is_silent = row["n"] is None
            tail = 0 if is_silent else await self._tail_of(tenant_id, audience, row["n"], row["changed_at"])
            if tail is not None:
                tails.setdefault(audience, tail)

    async def _read(self, asked: Sequence[list[tuple[UUID, str]]]) -> list[list[Row]]:
        """Of many tenants in one snapshot, so the query itself keeps them apart."""
        tenant_ids, audiences = zip(*(pair for pairs in asked for pair in pairs), strict=True)
        async with self._database.platform_reading() as tx:
            found = [row async for row in queries.tails(tx, tenant_ids=tenant_ids, audiences=audiences)]
        rest = iter(found)
        return [[next(rest) for _ in pairs] for pairs in asked]

    async def _tail_of(self, tenant_id: UUID, audience: str, n: int, changed_at: datetime) -> int | None:
        last = await last_of(self._bus, tenant_id, audience)
        if last is not None:
            await self._wait_for(last[0])
            return last[1]
        return n if changed_at < datetime.now(UTC) - ON_ITS_WAY else None

    async def _wait_for(self, seq: int) -> None:
        """A message that FEED has and we have not would be counted before it is sent; ours counts when it comes."""
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while self._hub.head < seq:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
        except TimeoutError:
            raise BusUnavailable(f"the feed is read up to {self._hub.head}, it stands at {seq}") from None
