"""Says that keys expire soon: any process may say what is due; each warning is said once, whoever dies."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis import outbox
from chassis.db import Tx, rows
from chassis.due_rows import DueRows
from contracts.registry import ApiKeyExpiringV1
from services.registry.api_keys.store import queries


class ExpiryWarnings(DueRows[dict[str, Any]]):
    """Each at its own time however late it is said."""

    name = "api-key-expiry"

    async def lock(self, tx: Tx, now: datetime, most: int) -> Sequence[dict[str, Any]]:
        return await rows(queries.lock_due_warnings(tx, now=now, most=most))

    async def do(self, tx: Tx, due: Sequence[dict[str, Any]], now: datetime) -> int:
        await outbox.add_all(tx, [(warning_of(row), row["row_version"]) for row in due])
        key_ids, days_left = [row["key_id"] for row in due], [row["days_left"] for row in due]
        await queries.warned(tx, key_ids=key_ids, days_left=days_left, now=now)
        return len(due)

    def key_of(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"key_id": row["key_id"], "days_left": row["days_left"]}

    async def put_off(self, tx: Tx, key: Mapping[str, Any], now: datetime, error: str) -> None:
        await queries.postpone_warning(tx, **key, now=now, error=error)


def warning_of(row: dict[str, Any]) -> ApiKeyExpiringV1:
    return ApiKeyExpiringV1(
        tenant_id=row["tenant_id"],
        key_id=row["key_id"],
        days_left=row["days_left"],
        expires_at=row["expires_at"],
        warned_at=row["due_at"],
    )
