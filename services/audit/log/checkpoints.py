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
from services.audit.records.record import LEDGER, PLATFORM

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
    """The name of a tree's log, first line of its checkpoints."""
    return f"tenantry/audit/{'ledger' if tenant_id == LEDGER else tenant_id}"


async def sign_heads(tx: Tx, signer: Signer, now: datetime, most: int, *, only: UUID | None = None) -> int:
    """Sign up to `most` heads that moved, or `only` that tree's, and say so; answers how many had moved."""
    grown = await store.heads_without_checkpoint(tx, most, only)
    checkpoints = {tree: Checkpoint(origin(tree), size, root) for tree, size, root in grown}
    notes = {tree: signer.sign(checkpoint) for tree, checkpoint in checkpoints.items()}
    signed = await store.add_checkpoints(tx, checkpoints, notes, now)
    await outbox.add_all(
        tx, [(published(tree, checkpoints[tree]), checkpoints[tree].size) for tree in signed]
    )
    return len(grown)


def published(tree: UUID, checkpoint: Checkpoint) -> CheckpointPublishedV1:
    return CheckpointPublishedV1(
        tenant_id=None if tree in {PLATFORM, LEDGER} else tree,
        origin=checkpoint.origin,
        tree_size=checkpoint.size,
        root_hash=checkpoint.root.hex(),
    )
