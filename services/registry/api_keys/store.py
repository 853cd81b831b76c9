"""The named queries of API keys."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, load_queries
from services.registry.api_keys.model import KnownKey
from services.registry.errors import ApiKeyNotFound

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def key(tx: ReadTx, tenant_id: UUID, key_id: UUID) -> dict[str, Any]:
    """Raises ApiKeyNotFound."""
    row = await queries.key_by_id(tx, tenant_id=tenant_id, key_id=key_id)
    if row is None:
        raise ApiKeyNotFound(f"there is no API key {key_id}")
    return dict(row)


async def lock_key(tx: Tx, tenant_id: UUID, key_id: UUID) -> dict[str, Any]:
    """The same, locked until the transaction ends. Raises ApiKeyNotFound."""
    row = await queries.lock_key(tx, tenant_id=tenant_id, key_id=key_id)
    if row is None:
        raise ApiKeyNotFound(f"there is no API key {key_id}")
    return dict(row)


async def known_key(tx: ReadTx, digests: list[bytes]) -> KnownKey | None:
    """Across tenants: whoever's key has one of these digests."""
    row = await queries.known_key(tx, digests=digests)
    if row is None:
        return None
    ids = {
        name: UUID(bytes=row[name].bytes) for name in ("key_id", "tenant_id")
    }  # the driver's own do not encode
    return KnownKey(**{**row, **ids, "scopes": tuple(row["scopes"])})
