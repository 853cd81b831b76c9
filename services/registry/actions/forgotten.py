"""Says `unknown` of actions whose caller has died: any process may, each action once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.due_rows import DueRows
from services.registry.actions import operations
from services.registry.actions.store import queries


class ForgottenActions(DueRows[dict[str, Any]]):
    """An action is given up a while after it was requested; one whose end cannot be written keeps no other one waiting."""

    name = "forgotten-actions"

    def __init__(
        self, database: Database, clock: Clock, *, after: float, every: float = 1.0, batch: int = 200
    ) -> None:
        """Seconds: an action is given up `after` it was requested; such are looked for every `every`."""
        super().__init__(database, clock, every=every, batch=batch)
        self._after = timedelta(seconds=after)

    async def lock(self, tx: Tx, now: datetime, most: int) -> Sequence[dict[str, Any]]:
        return await rows(queries.lock_forgotten_actions(tx, before=now - self._after, now=now, most=most))

    async def do(self, tx: Tx, due: Sequence[dict[str, Any]], now: datetime) -> int:
        for row in due:
            await operations.give_up(tx, row, now)
        return len(due)

    def key_of(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"tenant_id": row["tenant_id"], "action_id": row["action_id"]}

    async def put_off(self, tx: Tx, key: Mapping[str, Any], now: datetime, error: str) -> None:
        await queries.postpone_action(tx, **key, now=now, error=error)
