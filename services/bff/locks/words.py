"""Tells open streams whether locks may be told anything: `locks.halted` and `locks.resumed`, of the present alone."""

import asyncio
from collections import defaultdict
from uuid import UUID

from chassis.db import Database, rows
from chassis.rounds import go_round
from chassis.switches import Switches
from services.bff.hub import SLICE, Hub, Stream
from services.bff.locks.halts import FLAG, RETRY_SECONDS
from services.bff.locks.store import queries


class LockWords:
    """A part of the runtime. Each process looks for itself, so that nothing has to be passed on between them."""

    name = "lock-words"

    def __init__(self, database: Database, hub: Hub, switches: Switches, *, every: float = 1.0) -> None:
        self._database = database
        self._hub = hub
        self._switches = switches
        self._every = every
        self._told: set[Stream] = set()
        """Streams that were told of a halt last."""

    async def run(self) -> None:
        await self._database.wait_ready()
        await go_round(self.name, self.tell, self._every)

    async def tell(self) -> None:
        """Whoever has not heard how it is: those that were there before it changed, and those that came since."""
        async with self._database.platform_reading() as tx:
            halts = {row["halt_id"] for row in await rows(queries.halts_in_force(tx))}
            resumed: dict[UUID, set[UUID]] = defaultdict(set)
            for row in await rows(queries.resumed_tenants(tx, halt_ids=list(halts))):
                resumed[row["tenant_id"]].add(row["halt_id"])
        known: dict[UUID, bool] = {}
        self._told = {stream for stream in self._told if stream.room is not None}
        for count, stream in enumerate(self._hub.all_streams(), 1):
            tenant = stream.tenant_id
            if tenant not in known:
                is_switched_off = self._switches.value(FLAG, tenant) is not False
                known[tenant] = is_switched_off or not halts <= resumed[tenant]
            if stream.parked_at is None and known[tenant] != (stream in self._told):
                self._say(stream, is_halted=known[tenant])
            if count % SLICE == 0:
                await asyncio.sleep(0)

    def _say(self, stream: Stream, *, is_halted: bool) -> None:
        if is_halted:
            self._told.add(stream)
            self._hub.tell(stream, "locks.halted", {"retry_after": RETRY_SECONDS})
        else:
            self._told.discard(stream)
            self._hub.tell(stream, "locks.resumed", {})
