"""A sales order's webhook: signature, duplicates, reading back from the ERP, activation in one transaction."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chassis.db import Tx, rows
from chassis.ids import uuid7
from services.registry.errors import BadSignature, StaleOrder
from services.registry.orders.erp import SalesOrder
from services.registry.orders.store import queries
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Ladder, Purchase, Trigger
from services.registry.tenants.store import queries as tenant_queries

SIGNATURE_HEADER = "X-Frappe-Webhook-Signature"


class OrderHint(BaseModel):
    """What the ERP's webhook says; foreign fields are ignored, the document is read back anyway."""

    model_config = ConfigDict(extra="ignore")

    doctype: Literal["Sales Order"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
    modified: Annotated[str, Field(min_length=10, max_length=40)]
    event: Literal["on_submit", "on_update_after_submit", "on_cancel"]
    customer: Annotated[str, Field(min_length=1, max_length=140)]


def check_signature(body: bytes, given: str | None, secret: str) -> None:
    """Base64 of HMAC-SHA256 over the raw body. Raises BadSignature."""
    if not given:
        raise BadSignature(f"{SIGNATURE_HEADER}: missing; sign the raw body with the shared secret")
    expected = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256))
    if not hmac.compare_digest(expected, given.encode("latin-1", "replace")):
        raise BadSignature(f"{SIGNATURE_HEADER}: does not match the raw body under the shared secret")


async def is_seen(tx: Tx, hint: OrderHint) -> bool:
    """True for a repeated webhook. Raises StaleOrder for one that is older than what was applied."""
    known = await queries.sales_order_by_name(tx, name=hint.name)
    if known is None:
        return False
    if hint.modified < known["modified"]:
        raise StaleOrder(f"{hint.name}: modified {known['modified']} was applied, this is {hint.modified}")
    return bool((hint.modified, hint.event) == (known["modified"], known["event"]))


async def find_tenant(tx: Tx, customer: str) -> UUID | None:
    found: UUID | None = await tenant_queries.tenant_of_customer(tx, erp_customer_id=customer)
    return found


async def purchase_of(tx: Tx, order: SalesOrder) -> Purchase | str:
    """What the order buys, or why that cannot be said."""
    codes = sorted({item.item_code for item in order.items})
    mapped = {row["item_code"]: row for row in await rows(queries.items_by_code(tx, codes=codes))}
    if unmapped := [code for code in codes if code not in mapped]:
        return f"unmapped items: {', '.join(unmapped)}"
    plans = {row["plan"] for row in mapped.values() if row["plan"]}
    if len(plans) != 1:
        return f"the order names {len(plans)} plans, one is needed"
    products = tuple(sorted(row["product_key"] for row in mapped.values() if row["product_key"]))
    return Purchase(plans.pop(), products, order.contract_start, order.contract_end)


async def apply(
    tx: Tx, hint: OrderHint, order: SalesOrder, tenant_id: UUID, ladder: Ladder, now: datetime
) -> dict[str, Any]:
    """Activate the tenant by its order, or leave a task for a person. Seen again: nothing changes."""
    story = await tenants.locked(tx, tenant_id, ladder, now)
    if await is_seen(tx, hint):
        return {"outcome": "duplicate", "tenant_id": str(tenant_id)}
    purchase = await purchase_of(tx, order)
    if isinstance(purchase, str):
        return await leave_task(tx, hint, "sales_order_unclear", purchase, tenant_id, now)
    await tenants.buy(tx, story, Trigger.SALES_ORDER, purchase, order.name, now)
    await keep(tx, hint, "activated", tenant_id, now)
    return {"outcome": "activated", "tenant_id": str(tenant_id)}


async def leave_task(
    tx: Tx, hint: OrderHint, kind: str, detail: str, tenant_id: UUID | None, now: datetime
) -> dict[str, Any]:
    """Activate nothing; a person must look."""
    await queries.add_task(tx, task_id=uuid7(), kind=kind, subject=hint.name, detail=detail, created_at=now)
    await keep(tx, hint, "task", tenant_id, now)
    return {"outcome": "task", "detail": detail}


async def keep(tx: Tx, hint: OrderHint, outcome: str, tenant_id: UUID | None, now: datetime) -> None:
    await queries.keep_sales_order(
        tx,
        name=hint.name,
        modified=hint.modified,
        event=hint.event,
        outcome=outcome,
        tenant_id=tenant_id,
        applied_at=now,
    )
