"""Use cases of tenants: create one, add a member, activate by an order, tell the identity provider."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from asyncpg import UniqueViolationError

from chassis import outbox
from chassis.context import current_origin
from chassis.db import Tx
from contracts.registry import (
    EntitledProduct,
    EntitlementsChangedV1,
    MemberJoinedV1,
    Plan,
    TenantActivatedV1,
    TenantCreatedV1,
    TenantTrialStartedV1,
)
from services.registry import store
from services.registry.errors import IllegalTransition, SlugTaken
from services.registry.identity import NewMember
from services.registry.model import RESERVED_SLUGS, Tenant, allowed_triggers
from services.registry.store import queries


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What is asked for."""

    slug: str
    name: str
    kind: Literal["real", "demo"]
    locale: str
    time_zone: str
    erp_customer_id: str | None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a submitted order bought."""

    plan: Plan
    products: tuple[str, ...]
    contract_start: date | None
    contract_end: date | None


def tenant_id_of(operation_id: str) -> UUID:
    """The same operation makes the same tenant, however often it is tried."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:tenantry:operation:{operation_id}")


async def start_trial(
    tx: Tx, tenant_id: UUID, asked: NewTenant, operation_id: str, org_id: str, now: datetime, trial_days: int
) -> None:
    """The rows and events of a tenant in trial; its organisation exists already. Raises SlugTaken."""
    ends_at = now + timedelta(days=trial_days)
    try:
        await queries.add_tenant(
            tx,
            tenant_id=tenant_id,
            slug=asked.slug,
            name=asked.name,
            kind=asked.kind,
            status="trial",
            plan="trial",
            locale=asked.locale,
            time_zone=asked.time_zone,
            org_id=org_id,
            operation_id=operation_id,
            erp_customer_id=asked.erp_customer_id,
            trial_ends_at=ends_at,
            created_at=now,
        )
    except UniqueViolationError as error:
        raise SlugTaken(
            f"{error.constraint_name}: another tenant has this slug, customer or operation"
        ) from error
    products = [row["key"] for row in await store.rows(queries.all_products(tx))]
    for key in products:
        await queries.grant_product(
            tx, tenant_id=tenant_id, product_key=key, source="trial", expires_at=ends_at
        )
    created = TenantCreatedV1(
        tenant_id=tenant_id,
        slug=asked.slug,
        name=asked.name,
        kind=asked.kind,
        status="trial",
        plan="trial",
        locale=asked.locale,
        time_zone=asked.time_zone,
        org_id=org_id,
    )
    await outbox.add(tx, created, aggregate_version=1)
    started = TenantTrialStartedV1(tenant_id=tenant_id, trial_ends_at=ends_at, products=tuple(products))
    await outbox.add(tx, started, aggregate_version=1)
    await queries.want_push(tx, tenant_id=tenant_id, due_at=now)


def refuse_reserved(slug: str) -> None:
    """Raises SlugTaken for a slug that is ours."""
    if slug in RESERVED_SLUGS:
        raise SlugTaken(f"the slug {slug!r} is reserved; choose another")


async def join_member(tx: Tx, tenant_id: UUID, member_id: str, member: NewMember) -> int:
    """The member's row and event; answers its version."""
    version: int = await queries.put_member(
        tx,
        tenant_id=tenant_id,
        member_id=member_id,
        email=member.email,
        name=member.name,
        locale=member.locale,
        org_roles=member.org_roles,
        backoffice_roles=member.backoffice_roles,
        properties=member.properties,
    )
    joined = MemberJoinedV1(
        tenant_id=tenant_id,
        member_id=member_id,
        org_roles=tuple(member.org_roles),
        backoffice_roles=tuple(member.backoffice_roles),
        properties=tuple(member.properties),
    )
    await outbox.add(tx, joined, aggregate_version=version)
    return version


async def activate(tx: Tx, tenant: Tenant, purchase: Purchase, order: str, now: datetime) -> None:
    """Move a locked tenant to active by its order: status, plan, products, entitlements and both events together.

    Raises IllegalTransition with the moves that are allowed.
    """
    allowed = allowed_triggers(tenant)
    if tenant.status != "active" and allowed.get("sales_order") != "active":
        raise IllegalTransition(
            f"a {tenant.kind} tenant that is {tenant.status} is not activated by an order",
            allowed_transitions=sorted(allowed),
        )
    version, ent_v = tenant.row_version + 1, tenant.ent_v + 1
    await queries.activate(
        tx,
        tenant_id=tenant.tenant_id,
        plan=purchase.plan,
        contract_start=purchase.contract_start,
        contract_end=purchase.contract_end,
    )
    await queries.add_move(
        tx,
        tenant_id=tenant.tenant_id,
        version=version,
        moved_at=now,
        came_from=tenant.status,
        went_to="active",
        reason="sales_order",
        evidence=order,
        actor_id=current_origin().actor_id,
    )
    for key in purchase.products:
        await queries.grant_product(
            tx, tenant_id=tenant.tenant_id, product_key=key, source="order", expires_at=None
        )
    await queries.revoke_other_products(tx, tenant_id=tenant.tenant_id, kept=list(purchase.products))
    activated = TenantActivatedV1(
        tenant_id=tenant.tenant_id,
        slug=tenant.slug,
        plan=purchase.plan,
        products=purchase.products,
        source="sales_order",
        sales_order=order,
        contract_start=purchase.contract_start,
        contract_end=purchase.contract_end,
        ent_v=ent_v,
        locale=tenant.locale,
        activated_at=now,
    )
    await outbox.add(tx, activated, aggregate_version=version)
    changed = EntitlementsChangedV1(
        tenant_id=tenant.tenant_id,
        ent_v=ent_v,
        plan=purchase.plan,
        products=tuple(EntitledProduct(key=key, enabled=True, expires_at=None) for key in purchase.products),
        reason=f"sales order {order}",
    )
    await outbox.add(tx, changed, aggregate_version=version)
    await queries.want_push(tx, tenant_id=tenant.tenant_id, due_at=now)
