"""Use cases of API keys: issue, rotate, revoke. The key itself is in the answer to the caller and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from chassis import outbox
from chassis.db import Tx, rows
from chassis.ids import uuid7
from contracts.registry import ApiKeyCreatedV1, ApiKeyRevokedV1, ApiKeyRotatedV1
from services.registry.actors import actor
from services.registry.api_keys.format import SHOWN_CHARACTERS, Mode, new_key
from services.registry.api_keys.model import require_future, warnings_of
from services.registry.api_keys.peppers import Peppers
from services.registry.api_keys.store import queries
from services.registry.catalogue.store import queries as catalogue
from services.registry.entitlements.store import queries as entitlements
from services.registry.errors import ApiKeyNotInUse, OverlapTooLong, ProductUnknown
from services.registry.projects.rules import require_usable
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Ladder


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked for."""

    name: str
    mode: Mode
    project_id: str
    product: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    predecessor_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """The key is told to whoever asked for it, once."""

    key_id: UUID
    key: str = field(repr=False)


async def issue(
    tx: Tx, tenant_id: UUID, asked: NewKey, peppers: Peppers, ladder: Ladder, now: datetime
) -> Issued:
    """Raises TenantNotFound, TenantFrozen, ProductUnknown, ProjectRefused, ExpiryInvalid."""
    await tenants.lock_writable(tx, tenant_id, ladder, now)
    require_future(asked.expires_at, now)
    await require_product(tx, tenant_id, asked.product, now)
    await require_usable(tx, tenant_id, asked.product, {"/project_id": asked.project_id})
    return await add(tx, tenant_id, asked, peppers, now)


async def require_product(tx: Tx, tenant_id: UUID, product: str, now: datetime) -> None:
    """Raises ProductUnknown, also for one that was retired."""
    offered = await catalogue.product_by_key(tx, key=product)
    granted = await rows(entitlements.products_of_tenant(tx, tenant_id=tenant_id))
    in_use = [
        row for row in granted if row["enabled"] and (row["expires_at"] is None or row["expires_at"] > now)
    ]
    is_offered = offered is not None and offered["status"] == "published"
    if not is_offered or product not in {row["product_key"] for row in in_use}:
        raise ProductUnknown(f"product: the tenant has no {product!r}")


async def add(tx: Tx, tenant_id: UUID, asked: NewKey, peppers: Peppers, now: datetime) -> Issued:
    """The rows and the event of a key that may be."""
    issued = Issued(uuid7(), new_key(asked.mode))
    await queries.add_key(
        tx,
        key_id=issued.key_id,
        tenant_id=tenant_id,
        name=asked.name,
        pepper_id=peppers.newest,
        digest=peppers.digest(issued.key),
        prefix=issued.key[:SHOWN_CHARACTERS],
        last_four=issued.key[-4:],
        project_id=asked.project_id,
        product_key=asked.product,
        scopes=list(asked.scopes),
        created_by=actor(),
        created_at=now,
        expires_at=asked.expires_at,
        predecessor_id=asked.predecessor_id,
    )
    planned = [
        {"tenant_id": tenant_id, "key_id": issued.key_id, "days_left": days, "due_at": at}
        for days, at in warnings_of(asked.expires_at, now)
    ]
    await queries.plan_warnings(tx, planned)
    created = ApiKeyCreatedV1(
        tenant_id=tenant_id,
        key_id=issued.key_id,
        project_id=asked.project_id,
        product=asked.product,
        scopes=asked.scopes,
        expires_at=asked.expires_at,
        predecessor_id=asked.predecessor_id,
    )
    await outbox.add(tx, created, aggregate_version=1)
    return issued


async def rotate(
    tx: Tx,
    row: Mapping[str, Any],
    overlap: timedelta,
    longest: timedelta,
    expires_at: datetime | None,
    peppers: Peppers,
    now: datetime,
) -> Issued:
    """A successor for the locked key of a locked tenant; the key itself ends after the overlap.

    Without `expires_at` it lives as long as the old one was meant to. Raises ApiKeyNotInUse, OverlapTooLong,
    ProductUnknown, ExpiryInvalid.
    """
    require_in_use(row, now)
    if overlap > longest:
        hours = longest // timedelta(hours=1)
        raise OverlapTooLong(f"overlap_hours: at most {hours}", french=f"overlap_hours : {hours} au maximum")
    if expires_at is None and row["expires_at"] is not None:
        expires_at = now + (row["expires_at"] - row["created_at"])
    require_future(expires_at, now)
    tenant_id, key_id = row["tenant_id"], row["key_id"]
    await require_product(tx, tenant_id, row["product_key"], now)
    asked = NewKey(
        row["name"],
        "test" if row["prefix"].startswith("tk_test_") else "live",
        row["project_id"],
        row["product_key"],
        tuple(row["scopes"]),
        expires_at,
        key_id,
    )
    issued = await add(tx, tenant_id, asked, peppers, now)
    retires_at = now + overlap
    await queries.retire_key(
        tx, tenant_id=tenant_id, key_id=key_id, successor_id=issued.key_id, retires_at=retires_at
    )
    await queries.drop_open_warnings(tx, tenant_id=tenant_id, key_id=key_id)
    rotated = ApiKeyRotatedV1(
        tenant_id=tenant_id, key_id=key_id, successor_id=issued.key_id, retires_at=retires_at
    )
    await outbox.add(tx, rotated, aggregate_version=row["row_version"] + 1)
    return issued


def require_in_use(row: Mapping[str, Any], now: datetime) -> None:
    """Raises ApiKeyNotInUse; of a rotated key it names the successor."""
    if row["successor_id"] is not None:
        raise ApiKeyNotInUse(
            "the key was rotated already; rotate its successor", successor_id=str(row["successor_id"])
        )
    require_not_revoked(row)
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise ApiKeyNotInUse("the key has expired; issue a new one")


def require_not_revoked(row: Mapping[str, Any]) -> None:
    """Raises ApiKeyNotInUse."""
    if row["revoked_at"] is not None:
        raise ApiKeyNotInUse("the key is revoked already")


async def revoke(
    tx: Tx, row: Mapping[str, Any], reason: Literal["revoked", "leaked"], by: str, now: datetime
) -> None:
    """End the locked key for good, frozen tenant or not. Raises ApiKeyNotInUse."""
    require_not_revoked(row)
    tenant_id, key_id = row["tenant_id"], row["key_id"]
    await queries.revoke_key(
        tx, tenant_id=tenant_id, key_id=key_id, revoked_at=now, revoked_by=by, reason=reason
    )
    await queries.drop_open_warnings(tx, tenant_id=tenant_id, key_id=key_id)
    revoked = ApiKeyRevokedV1(tenant_id=tenant_id, key_id=key_id, reason=reason, revoked_at=now)
    await outbox.add(tx, revoked, aggregate_version=row["row_version"] + 1)
