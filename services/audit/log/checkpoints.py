"""Signed heads: the part that signs what has grown, about once a second."""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import Transient
from contracts.audit import CheckpointPublishedV1
from services.audit.log import store
from services.audit.log.note import Checkpoint, Signer
from services.audit.records.record import PLATFORM

log = structlog.get_logger(__name__)


class Checkpoints:
    """Signs up to `batch` heads per round; two of them beside each other do no harm."""

    name = "checkpoints"

    def __init__(
        self, database: Database, signer: Signer, clock: Clock, *, seconds: float, batch: int
    ) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._seconds = seconds
        self._batch = batch

    async def run(self) -> None:
        while True:
            try:
                signed = await self.sign_once()
            except Transient as error:
                log.warning("audit.checkpoints.waiting", reason=str(error))
                signed = 0
            if signed < self._batch:
                await asyncio.sleep(self._seconds)

    async def sign_once(self) -> int:
        async with self._database.worker() as tx:
            return await sign_heads(tx, self._signer, self._clock.now(), self._batch)


def origin(tenant_id: UUID) -> str:
    """The name of a tenant's log, first line of its checkpoints."""
    return f"tenantry/audit/{tenant_id}"


async def sign_heads(tx: Tx, signer: Signer, now: datetime, most: int) -> int:
    """Sign up to `most` heads that moved and say so; answers how many."""
    grown = await store.heads_without_checkpoint(tx, most)
    for tenant_id, size, root in grown:
        checkpoint = Checkpoint(origin(tenant_id), size, root)
        if not await store.add_checkpoint(tx, tenant_id, checkpoint, signer.sign(checkpoint), now):
            continue
        published = CheckpointPublishedV1(
            tenant_id=None if tenant_id == PLATFORM else tenant_id,
            origin=checkpoint.origin,
            tree_size=size,
            root_hash=root.hex(),
        )
        await outbox.add(tx, published, aggregate_version=size)
    return len(grown)
