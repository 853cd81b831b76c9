"""Makes the demo tenant and puts it back every night: any process may do it, each night is recorded once.

Claim in one transaction, ask the products outside any, keep each answer, then rows, checks and the night's end in one
transaction. Who dies leaves a claim that ends, and answers that the next one does not ask for again.
"""

import asyncio
from datetime import timedelta
from typing import Any

import structlog

from chassis.clock import Clock
from chassis.context import as_system
from chassis.db import Database, rows
from chassis.errors import Transient
from chassis.rounds import go_round
from contracts.capabilities import DEMO_TENANT_ID
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.demo import model, operations
from services.registry.demo.operations import Claimed
from services.registry.demo.products import DemoProducts
from services.registry.demo.store import queries
from services.registry.errors import SlugTaken
from services.registry.identity import IdentityProvider
from services.registry.tenants.model import Ladder

log = structlog.get_logger(__name__)
CLAIM = timedelta(minutes=5)
ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)


class DemoResets:
    """A background part; several processes share it."""

    name = "demo-resets"

    def __init__(
        self,
        database: Database,
        identity: IdentityProvider,
        products: DemoProducts,
        clock: Clock,
        ladder: Ladder,
        *,
        every: float = 1.0,
    ) -> None:
        self._database = database
        self._identity = identity
        self._products = products
        self._clock = clock
        self._ladder = ladder
        self._every = every
        self._is_made = False

    async def run(self) -> None:
        await go_round(self.name, self._one_round, self._every)

    async def _one_round(self) -> None:
        """One that fails leaves a claim that ends: the night is tried again."""
        if not self._is_made:
            await self.ensure()
            self._is_made = True
        await self.run_due()

    async def ensure(self) -> None:
        """The demo tenant exists afterwards, whoever made it. Raises Transient."""
        async with self._database.platform_reading() as reading:
            if await operations.exists(reading):
                return
        org_id, member_ids = await self._known_outside()
        try:
            with as_system():
                async with self._database.transaction(DEMO_TENANT_ID) as tx:
                    await operations.found(tx, org_id, member_ids, self._clock.now())
        except SlugTaken:
            log.info("demo_resets.made_by_another_process")

    async def run_due(self) -> str | None:
        """The outcome of the night that is due, if there is one and it came to its end here."""
        now = self._clock.now()
        async with self._database.worker() as tx:
            claimed = await operations.claim(tx, now, CLAIM)
        if claimed is None:
            return None
        missing = await self._ask_products(claimed)
        if missing and claimed.attempts < ATTEMPTS:
            await self._put_off(claimed, missing)
            return None
        try:
            _, member_ids = await self._known_outside()
        except Transient as error:
            await self._put_off(claimed, [str(error)])
            return None
        now = self._clock.now()
        async with self._database.worker() as tx:
            faults = [*missing, *await operations.compare_answers(tx, claimed, now)]
        with as_system():
            async with self._database.transaction(DEMO_TENANT_ID) as tx:
                outcome = await operations.restore(tx, claimed, member_ids, faults, self._ladder, now)
        log.info("demo_resets.ended", night=str(claimed.night), outcome=outcome, faults=faults)
        return outcome

    async def _known_outside(self) -> tuple[str, list[str]]:
        """The organisation and its members, found or created, and nobody else in it."""
        org_id = await self._identity.find_or_create_organisation(
            model.OPERATION, model.ASKED.slug, model.ASKED.name
        )
        await self._identity.set_attributes(org_id, {"tenant_id": [str(DEMO_TENANT_ID)]})
        found = [await self._identity.find_or_create_member(org_id, member) for member in model.MEMBERS]
        await self._identity.keep_members(org_id, found)
        return org_id, found

    async def _ask_products(self, claimed: Claimed) -> list[str]:
        """Who has not answered this night yet is asked; says which could not be reached."""
        async with self._database.platform_reading() as tx:
            answered = {
                row["product_key"]
                for row in await rows(queries.answers_of(tx, night=claimed.night, number=claimed.number))
            }
            known = [row for row in await rows(catalogue.all_products(tx)) if row["status"] == "published"]
        asked = [row for row in known if manifest_of(row).api_base and row["key"] not in answered]
        faults = await asyncio.gather(*(self._ask(claimed, row) for row in asked))
        return [fault for fault in faults if fault is not None]

    async def _ask(self, claimed: Claimed, product: dict[str, Any]) -> str | None:
        try:
            restored = await self._products.reset(product["key"])
        except Transient as error:
            log.warning("demo_resets.product_unavailable", product=product["key"], error=str(error))
            return str(error)
        async with self._database.worker() as tx:
            await queries.keep_answer(
                tx,
                night=claimed.night,
                number=claimed.number,
                product_key=product["key"],
                version=product["version"],
                counts=dict(restored.counts),
                checksum=restored.checksum,
                answered_at=self._clock.now(),
            )
        return None

    async def _put_off(self, claimed: Claimed, faults: list[str]) -> None:
        wait = FIRST_WAIT * 2 ** min(claimed.attempts - 1, 10)
        async with self._database.worker() as tx:
            await queries.put_reset_off(
                tx,
                claim=claimed.claim,
                try_at=self._clock.now() + wait,
                error="; ".join(faults)[:500],
            )
