"""The named queries of properties."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, load_queries, rows
from services.registry.errors import PropertyNotFound

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def property_(tx: ReadTx, tenant_id: UUID, code: str) -> dict[str, Any]:
    """Raises PropertyNotFound."""
    row = await queries.property_by_code(tx, tenant_id=tenant_id, code=code)
    if row is None:
        raise PropertyNotFound(f"there is no property {code!r}")
    return dict(row)


async def unknown_of(tx: ReadTx, tenant_id: UUID, codes: Iterable[str]) -> set[str]:
    """Codes that name no property of the tenant."""
    asked = set(codes)
    known = await rows(queries.properties_known(tx, tenant_id=tenant_id, codes=sorted(asked)))
    return asked - {row["code"] for row in known}
