"""Says that keys expire soon: any process may say what is due; each warning is said once, whoever dies."""

import asyncio
from datetime import datetime
from typing import Any

import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.context import set_actor, use_origin
from chassis.db import Database, Tx, rows
from chassis.errors import Transient
from contracts.registry import ApiKeyExpiringV1
from services.registry.api_keys.operations import SYSTEM
from services.registry.api_keys.store import queries

log = structlog.get_logger(__name__)


class ExpiryWarnings:
    """A background part. Locked warnings are passed over, so that several processes share the work."""

    name = "api-key-expiry"

    def __init__(self, database: Database, clock: Clock, *, every: float = 1.0, batch: int = 200) -> None:
        self._database = database
        self._clock = clock
        self._every = every
        self._batch = batch

    async def run(self) -> None:
        while True:
            try:
                while await self.run_due():
                    pass
            except Transient as error:
                log.warning("api_key_expiry.waiting", error=str(error))
            await asyncio.sleep(self._every)

    async def run_due(self) -> int:
        """One batch; answers how many warnings were dealt with."""
        try:
            return await self._run(self._batch)
        except Transient:
            raise
        except Exception:
            log.exception("api_key_expiry.batch_failed")
            return await self._one_by_one()

    async def _one_by_one(self) -> int:
        """Something in the batch cannot be said: say the others, and put that one off."""
        done = 0
        for _ in range(self._batch):
            taken = await self._run(1, put_off=True)
            if not taken:
                break
            done += taken
        return done

    async def _run(self, most: int, *, put_off: bool = False) -> int:
        now = self._clock.now()
        async with self._database.worker() as tx:
            due = await rows(queries.lock_due_warnings(tx, now=now, most=most))
            if not due:
                return 0
            try:
                async with tx.savepoint():
                    await say(tx, due, now)
            except Transient:
                raise
            except Exception as error:
                if not put_off:
                    raise
                key_id, days_left = due[0]["key_id"], due[0]["days_left"]
                log.exception("api_key_expiry.failed", key_id=str(key_id))
                await queries.postpone_warning(
                    tx, key_id=key_id, days_left=days_left, now=now, error=repr(error)[:500]
                )
            return len(due)


async def say(tx: Tx, due: list[dict[str, Any]], now: datetime) -> None:
    """The events of locked warnings, each at its own time however late it is said, and that they were said."""
    with use_origin(correlation_id=None):
        set_actor(SYSTEM, "system")
        await outbox.add_all(tx, [(warning_of(row), row["row_version"]) for row in due])
    await queries.warned(
        tx, key_ids=[row["key_id"] for row in due], days_left=[row["days_left"] for row in due], now=now
    )


def warning_of(row: dict[str, Any]) -> ApiKeyExpiringV1:
    return ApiKeyExpiringV1(
        tenant_id=row["tenant_id"],
        key_id=row["key_id"],
        days_left=row["days_left"],
        expires_at=row["expires_at"],
        warned_at=row["due_at"],
    )
