"""Use cases of actions: write down what is asked, call the product, write down what became of it. Never in one step.

The row and its event are committed before the product is called. Whoever dies in between leaves `requested`, which becomes
`unknown`: that the product did nothing, or did it, is said only by the product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx
from chassis.service_tokens import TokenUnavailable
from contracts.registry import ProductActionCompletedV1, ProductActionRequestedV1
from services.registry.actions.store import queries
from services.registry.catalogue.manifest import AdminAction, Manifest, manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.entitlements import operations as entitlements
from services.registry.errors import ActionUnknown, NotEntitled, ProductNotFound, SlugMismatch, TenantFrozen
from services.registry.products.client import (
    Product,
    ProductClient,
    ProductRefused,
    ProductUnclear,
    ProductUnreachable,
    connected,
)
from services.registry.tenants import store
from services.registry.tenants.model import Tenant

State = Literal["done", "failed", "unknown"]
FORGOTTEN = "the process that called the product ended before the answer"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants of a product; `confirm` is the tenant's slug, typed again."""

    tenant_id: UUID
    product: str
    action: str
    confirm: str | None
    requested_by: str


@dataclass(frozen=True, slots=True)
class Call:
    """An action that is written down and is to be made."""

    action_id: UUID
    product: Product


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    state: State
    detail: str
    counts: Mapping[str, int]


async def request(tx: Tx, asked: Asked, action_id: UUID, now: datetime) -> Call:
    """Write down what is asked, and whom to call for it.

    Raises TenantNotFound, TenantFrozen, ProductNotFound, ActionUnknown, NotEntitled, SlugMismatch, ProductNotConnected.
    """
    tenant = await store.tenant(tx, asked.tenant_id)
    if tenant.status in {"frozen", "archived"}:
        raise TenantFrozen(f"the tenant is {tenant.status}; nothing of it is changed")
    row = await catalogue.product_by_key(tx, key=asked.product)
    if row is None:
        raise ProductNotFound(f"the catalogue has no product {asked.product!r}")
    manifest = manifest_of(row)
    action = action_of(manifest, asked.action)
    await require_entitled(tx, tenant, asked.product, now)
    if action.is_destructive and asked.confirm != tenant.slug:
        fault = {"pointer": "/confirm", "code": "confirm", "detail": "type the tenant's slug"}
        raise SlugMismatch(
            f"{action.key} cannot be taken back: send the tenant's slug in `confirm`", errors=[fault]
        )
    product = connected(manifest)
    told: dict[str, Any] = {
        "tenant_id": asked.tenant_id,
        "action_id": action_id,
        "action": action.key,
        "is_destructive": action.is_destructive,
        "requested_by": asked.requested_by,
        "requested_at": now,
    }
    await queries.add_action(tx, product_key=asked.product, **told)
    await outbox.add(tx, ProductActionRequestedV1(product=asked.product, **told), aggregate_version=1)
    return Call(action_id, product)


def action_of(manifest: Manifest, key: str) -> AdminAction:
    """Raises ActionUnknown."""
    for action in manifest.actions:
        if action.key == key:
            return action
    known = sorted(action.key for action in manifest.actions)
    raise ActionUnknown(
        f"{manifest.key} has no action {key!r}; known are: {', '.join(known) or 'none'}", actions=known
    )


async def require_entitled(tx: ReadTx, tenant: Tenant, product: str, now: datetime) -> None:
    """Raises NotEntitled."""
    for decision in await entitlements.explain(tx, tenant, now):
        if decision.product == product and not decision.is_entitled:
            raise NotEntitled(f"the tenant may not use {product}: {decision.rule}", rule=decision.rule)


async def perform(client: ProductClient, asked: Asked, call: Call) -> Outcome:
    """Call the product, outside of any transaction. Never raises what a product does wrong."""
    try:
        said = await client.act(
            call.product, asked.tenant_id, asked.action, call.action_id, asked.requested_by
        )
    except ProductUnclear as error:
        return Outcome("unknown", str(error)[:500], {})
    except (ProductRefused, ProductUnreachable, TokenUnavailable) as error:
        return Outcome("failed", str(error)[:500], {})
    return Outcome("done", said.detail, said.counts)


async def conclude(tx: Tx, tenant_id: UUID, action_id: UUID, outcome: Outcome, now: datetime) -> None:
    """Write down what became of it; one that was unknown meanwhile becomes known. A tenant that is gone: nothing."""
    row = await queries.lock_action(tx, tenant_id=tenant_id, action_id=action_id)
    if row is not None and row["state"] in {"requested", "unknown"}:
        await complete(tx, row, outcome, now)


async def give_up(tx: Tx, row: Mapping[str, Any], now: datetime) -> None:
    """As worker: nobody has told the outcome of this action, so it is unknown."""
    await complete(tx, row, Outcome("unknown", FORGOTTEN, {}), now)


async def complete(tx: Tx, row: Mapping[str, Any], outcome: Outcome, now: datetime) -> None:
    version = row["row_version"] + 1
    await queries.complete_action(
        tx,
        tenant_id=row["tenant_id"],
        action_id=row["action_id"],
        state=outcome.state,
        detail=outcome.detail,
        counts=dict(outcome.counts),
        completed_at=now,
        row_version=version,
    )
    completed = ProductActionCompletedV1(
        tenant_id=row["tenant_id"],
        action_id=row["action_id"],
        product=row["product_key"],
        action=row["action"],
        outcome=outcome.state,
        completed_at=now,
    )
    await outbox.add(tx, completed, aggregate_version=version)
