"""Probes products: each in its turn, by one process at a time, and whenever an operator asks."""

from datetime import timedelta

import structlog

from chassis.clock import Clock
from chassis.context import as_system
from chassis.db import Database
from chassis.errors import Transient
from chassis.ids import uuid7
from chassis.rounds import go_round
from services.registry.conformance import operations
from services.registry.conformance.operations import Claim
from services.registry.conformance.probe import Probe
from services.registry.conformance.store import queries
from services.registry.errors import ProbeRunning, ProductNotConnected, ProductNotFound
from services.registry.products.client import ProductClient

log = structlog.get_logger(__name__)


class Prober:
    """A background part, and what an operator's request uses. A claim is a row, so several processes share the work."""

    name = "conformance-prober"

    def __init__(
        self, database: Database, clock: Clock, client: ProductClient, *, every: float, look: float = 1.0
    ) -> None:
        """Seconds: each product is probed every `every`; whose turn it is, is looked for every `look`."""
        self._database = database
        self._clock = clock
        self._client = client
        self._every = timedelta(seconds=every)
        self._look = look

    async def run(self) -> None:
        await go_round(self.name, self.run_due, self._look)

    async def run_due(self) -> bool:
        """Probe one product whose turn it is; False where there is none."""
        async with self._database.reading(None) as reading:
            key = await queries.due_product(reading, now=self._clock.now())
        if key is None:
            return False
        with as_system():
            try:
                async with self._database.transaction(None) as tx:
                    held = await operations.claim(tx, key, uuid7(), self._clock.now())
            except (ProbeRunning, ProductNotFound, ProductNotConnected):
                return False  # somebody else was quicker
            return await self.probe(held)

    async def probe(self, held: Claim) -> bool:
        """The probe that was claimed; False where it was not stored. Raises Transient where it could not be made."""
        try:
            report = await Probe(self._client, held.product, held.actions).run()
        except Transient:
            async with self._database.transaction(None) as tx:
                await operations.release(tx, held, self._clock.now())
            raise
        async with self._database.transaction(None) as tx:
            is_stored = await operations.conclude(tx, held, report, self._clock.now(), self._every)
        log.info(
            "prober.probed",
            product=held.product.key,
            verdict=report.verdict,
            failed=report.failed,
            stored=is_stored,
        )
        return is_stored
