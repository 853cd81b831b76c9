"""Use cases of leads: wish for something, close."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx
from chassis.ids import uuid7
from contracts.registry import LeadRequestedV1
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.entitlements import operations as entitlements
from services.registry.errors import LeadClosed, LeadNotFound, ProductUnknown, TenantNotFound
from services.registry.leads.store import queries
from services.registry.tenants import store as tenants

Kind = Literal["product_request", "trial_request", "upgrade_request"]
Outcome = Literal["won", "lost", "duplicate"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `subject` is what makes two open wishes of one tenant and kind the same."""

    kind: Kind
    subject: str
    product_key: str | None = None
    plan: str | None = None
    why: str | None = None
    seats: int | None = None
    volume: int | None = None
    company: str | None = None
    email: str | None = None
    owner: str | None = None
    owner_email: str | None = None


async def ask(tx: Tx, tenant_id: UUID, wish: Wish, who: str, now: datetime) -> tuple[Mapping[str, Any], bool]:
    """The lead, and whether it is new: while it is open the same wish makes no other. Raises ProductUnknown."""
    if wish.product_key is not None and await catalogue.product_by_key(tx, key=wish.product_key) is None:
        raise ProductUnknown(f"product: the catalogue has no {wish.product_key!r}")
    told = asdict(wish)
    if wish.owner is None:
        row = await queries.sales_owner_of(tx, tenant_id=tenant_id)
        if row is not None:
            told |= {"owner": row["sales_owner"], "owner_email": row["sales_owner_email"]}
    lead_id = uuid7()
    made = await queries.add_lead(
        tx, lead_id=lead_id, tenant_id=tenant_id, requested_by=who, opened_at=now, **told
    )
    lead = await queries.open_lead(tx, tenant_id=tenant_id, kind=wish.kind, subject=wish.subject)
    await note(tx, lead, "requested" if made is not None else "asked_again", who, now)
    if made is not None:
        await queries.want_push(tx, lead_id=lead_id, tenant_id=tenant_id, due_at=now)
        requested = LeadRequestedV1(
            tenant_id=tenant_id,
            lead_id=lead_id,
            kind=wish.kind,
            product=wish.product_key,
            requested_at=now,
        )
        await outbox.add(tx, requested, aggregate_version=1)
    return shown(lead), made is not None


async def note(tx: Tx, lead: Mapping[str, Any], verb: str, who: str, now: datetime) -> None:
    await queries.add_activity(
        tx,
        activity_id=uuid7(),
        tenant_id=lead["tenant_id"],
        lead_id=lead["lead_id"],
        verb=verb,
        actor_id=who,
        at=now,
    )


async def find(tx: ReadTx, lead_id: UUID, owner: str | None) -> dict[str, Any]:
    """A lead; with `owner` only that one's. Raises LeadNotFound."""
    row = await queries.lead_by_id(tx, lead_id=lead_id)
    if row is None or (owner is not None and row["owner"] != owner):
        raise LeadNotFound(f"there is no lead {lead_id}")
    return shown(row)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """As callers see it."""
    return {**row, "lead_id": str(row["lead_id"]), "tenant_id": str(row["tenant_id"])}


async def close(tx: Tx, lead: Mapping[str, Any], outcome: Outcome, who: str, now: datetime) -> None:
    """End a locked lead; the CRM hears of it. Raises LeadClosed."""
    if lead["outcome"] is not None:
        raise LeadClosed(f"the lead was closed as {lead['outcome']}")
    await queries.close_lead(tx, lead_id=lead["lead_id"], outcome=outcome, closed_at=now)
    await note(tx, lead, "closed", who, now)
    await queries.want_push(tx, lead_id=lead["lead_id"], tenant_id=lead["tenant_id"], due_at=now)


async def put_owner(tx: Tx, tenant_id: UUID, owner: str, email: str) -> None:
    """Who looks after the tenant from now on. Raises TenantNotFound."""
    if await queries.put_sales_owner(tx, tenant_id=tenant_id, owner=owner, email=email) is None:
        raise TenantNotFound(f"there is no tenant {tenant_id}")


async def catalogue_of(tx: ReadTx, tenant_id: UUID | None, now: datetime) -> list[dict[str, Any]]:
    """Every product that is offered; for a tenant also whether it has it, why, and whether it has asked for it."""
    products = [manifest_of(row) async for row in catalogue.all_products(tx) if row["status"] == "published"]
    found = [product.model_dump(mode="json", exclude_none=True) for product in products]
    if tenant_id is None:
        return [{**product, "state": None} for product in found]
    tenant = await tenants.tenant(tx, tenant_id)
    decisions = {one.product: one for one in await entitlements.explain(tx, tenant, now)}
    for product in found:
        decision = decisions[product["key"]]
        wish = await queries.open_lead(
            tx, tenant_id=tenant_id, kind="product_request", subject=product["key"]
        )
        product["state"] = {
            "is_entitled": decision.is_entitled,
            "why": decision.rule,
            "expires_at": decision.expires_at,
            "is_in_plan": tenant.plan in product["plans"],
            "open_request": None if wish is None else wish["lead_id"],
        }
    return found
