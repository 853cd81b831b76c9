"""The named queries of flags."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, load_queries, rows

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def rows_of(tx: ReadTx, tenant_id: UUID | None) -> dict[tuple[str, UUID | None], dict[str, Any]]:
    """(name, tenant or None) → row, of the platform and of this tenant."""
    found = await rows(queries.flags_of(tx, tenant_id=tenant_id))
    return {(row["name"], row["tenant_id"]): row for row in found}
