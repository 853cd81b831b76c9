"""The named queries of version floors."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, load_queries, rows

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def row_of(tx: ReadTx, platform: str, channel: str, tenant_id: UUID | None) -> dict[str, Any] | None:
    """The row of exactly this scope."""
    wanted = (platform, channel, tenant_id)
    found = await rows(queries.floors_of(tx, tenant_id=tenant_id))
    return next((row for row in found if (row["platform"], row["channel"], row["tenant_id"]) == wanted), None)
