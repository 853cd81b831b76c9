"""The part that signs what has grown, about once a second."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from services.audit import operations
from services.audit.note import Signer

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
            return await operations.sign_heads(tx, self._signer, self._clock.now(), self._batch)
