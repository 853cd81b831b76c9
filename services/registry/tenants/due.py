"""The scheduler of state moves: any process may run what is due; each action happens once, at its own time."""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.context import set_actor, use_origin
from chassis.db import Database
from chassis.errors import Transient
from services.registry.tenants import lifecycle, store
from services.registry.tenants.model import Ladder
from services.registry.tenants.store import queries

log = structlog.get_logger(__name__)


class DueActions:
    """A background part. Locked tenants are passed over, so that several processes share the work."""

    name = "due-actions"

    def __init__(
        self, database: Database, clock: Clock, ladder: Ladder, *, every: float = 1.0, batch: int = 200
    ) -> None:
        self._database = database
        self._clock = clock
        self._ladder = ladder
        self._every = every
        self._batch = batch

    async def run(self) -> None:
        while True:
            try:
                while await self.run_due():
                    pass
            except Transient as error:
                log.warning("due_actions.waiting", error=str(error))
            await asyncio.sleep(self._every)

    async def run_due(self) -> int:
        """One batch; answers how many actions were done."""
        try:
            return await self._run(self._batch)
        except Transient:
            raise
        except Exception:
            log.exception("due_actions.batch_failed")
            return await self._one_by_one()

    async def _one_by_one(self) -> int:
        """Something in the batch cannot be done: do the others, and put that one off."""
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
            stories = await store.lock_stories_due(tx, now, most, self._ladder)
            if not stories:
                return 0
            try:
                with use_origin(correlation_id=None):
                    set_actor(lifecycle.SYSTEM, "system")
                    for story in stories:
                        story.catch_up(now)
                    async with tx.savepoint():
                        await lifecycle.record(tx, stories, now)
                        await lifecycle.erase_deleted(tx, stories)
            except Transient:
                raise
            except Exception as error:
                if not put_off:
                    raise
                log.exception("due_actions.failed", tenant_id=str(stories[0].tenant.tenant_id))
                await queries.postpone_actions(
                    tx, tenant_id=stories[0].tenant.tenant_id, now=now, error=repr(error)[:500]
                )
                return 1
            return sum(step.due is not None for story in stories for step in story.steps)
