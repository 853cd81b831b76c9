"""Use cases of tenants: create, buy, cancel, freeze, take back, hold."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from asyncpg import UniqueViolationError

from chassis import outbox
from chassis.context import SYSTEM
from chassis.db import ReadTx, Tx, rows
from chassis.ids import uuid7
from contracts.registry import (
    TenantCreatedV1,
    TenantHoldPlacedV1,
    TenantHoldReleasedV1,
    TenantTrialStartedV1,
)
from services.registry.actors import actor
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.entitlements import operations as entitlements
from services.registry.entitlements.store import queries as entitlement_queries
from services.registry.errors import (
    AlreadyHeld,
    CustomerTaken,
    HoldTooLong,
    IllegalTransition,
    NotHeld,
    SlugMismatch,
    SlugTaken,
    TenantFrozen,
    TenantNotFound,
)
from services.registry.projects.rules import DEFAULT
from services.registry.projects.store import queries as projects
from services.registry.tenants import lifecycle, store
from services.registry.tenants.model import (
    RESERVED_SLUGS,
    Ladder,
    Purchase,
    Story,
    Tenant,
    Trigger,
    allowed_triggers,
    moved,
    path_of,
    plan_of,
)
from services.registry.tenants.store import queries

Effective = Literal["now", "period_end"]


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What is asked for."""

    slug: str
    name: str
    kind: Literal["real", "demo"]
    locale: str
    time_zone: str
    erp_customer_id: str | None


def tenant_id_of(operation_id: str) -> UUID:
    """The same operation makes the same tenant, however often it is tried."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:tenantry:operation:{operation_id}")


async def refuse_taken(tx: ReadTx, tenant_id: UUID, asked: NewTenant, now: datetime) -> None:
    """Before anything is made elsewhere: raises SlugTaken, CustomerTaken. A second try of the same tenant passes."""
    if asked.slug in RESERVED_SLUGS:
        raise SlugTaken(f"the slug {asked.slug!r} is reserved; choose another")
    if await queries.tenant_by_id(tx, tenant_id=tenant_id) is not None:
        return
    taken = await queries.taken_by(tx, slug=asked.slug, erp_customer_id=asked.erp_customer_id, now=now)
    if taken == "slug":
        raise SlugTaken(f"the slug {asked.slug!r} is another tenant's; choose another")
    if taken == "customer":
        raise CustomerTaken(f"the ERP customer {asked.erp_customer_id!r} is another tenant's")


async def add(
    tx: Tx,
    tenant_id: UUID,
    asked: NewTenant,
    operation_id: str,
    org_id: str,
    now: datetime,
    *,
    plan: str,
    trial_ends_at: datetime | None = None,
) -> None:
    """The row of a tenant and that it exists; in trial if that has an end, else active. Raises SlugTaken."""
    status: Literal["trial", "active"] = "active" if trial_ends_at is None else "trial"
    try:
        await queries.add_tenant(
            tx,
            tenant_id=tenant_id,
            slug=asked.slug,
            name=asked.name,
            kind=asked.kind,
            status=status,
            plan=plan,
            locale=asked.locale,
            time_zone=asked.time_zone,
            org_id=org_id,
            operation_id=operation_id,
            erp_customer_id=asked.erp_customer_id,
            trial_ends_at=trial_ends_at,
            created_at=now,
        )
    except UniqueViolationError as error:
        raise SlugTaken(
            f"{error.constraint_name}: another tenant has this slug, customer or operation"
        ) from error
    await add_default_project(tx, tenant_id, now)
    created = TenantCreatedV1(
        tenant_id=tenant_id,
        slug=asked.slug,
        name=asked.name,
        kind=asked.kind,
        status=status,
        plan=plan,  # type: ignore[arg-type]  # a CHECK keeps it a plan
        locale=asked.locale,
        time_zone=asked.time_zone,
        org_id=org_id,
    )
    await outbox.add(tx, created, aggregate_version=1)


async def add_default_project(tx: Tx, tenant_id: UUID, now: datetime) -> None:
    await projects.add_project(
        tx,
        tenant_id=tenant_id,
        project_id=DEFAULT,
        name="Default",
        created_at=now,
        created_by=SYSTEM,
    )


async def start_trial(
    tx: Tx, tenant_id: UUID, asked: NewTenant, operation_id: str, org_id: str, now: datetime, ladder: Ladder
) -> None:
    """The rows and events of a tenant in trial; its organisation exists already. Raises SlugTaken."""
    ends_at = now + timedelta(days=ladder.trial)
    await add(tx, tenant_id, asked, operation_id, org_id, now, plan="trial", trial_ends_at=ends_at)
    products = [
        row["key"]
        for row in await rows(catalogue.all_products(tx))
        if row["status"] == "published" and manifest_of(row).in_trial
    ]
    await entitlements.grant_trial(tx, tenant_id, products, ends_at)
    tenant = await store.tenant(tx, tenant_id)
    story = Story(tenant, plan_of(tenant, ladder), ladder)
    await queries.add_actions(tx, lifecycle.actions_of(story, now))
    started = TenantTrialStartedV1(tenant_id=tenant_id, trial_ends_at=ends_at, products=tuple(products))
    await outbox.add(tx, started, aggregate_version=1)
    await entitlement_queries.want_pushes(tx, tenant_ids=[tenant_id], due_at=now)


async def locked(tx: Tx, tenant_id: UUID, ladder: Ladder, now: datetime) -> Story:
    """The tenant's story, locked, with everything told that is overdue: a timer that is late never loses to a request.

    Raises TenantNotFound, also for a tenant that should be deleted by now.
    """
    story = await store.lock_story(tx, tenant_id, ladder)
    story.catch_up(now)
    if story.tenant.status == "deleted":
        raise TenantNotFound(f"there is no tenant {tenant_id}")
    return story


async def lock_writable(tx: Tx, tenant_id: UUID, ladder: Ladder, now: datetime) -> Tenant:
    """Before anything of a tenant is changed, locked like the tenant itself. Raises TenantNotFound, TenantFrozen."""
    tenant = (await locked(tx, tenant_id, ladder, now)).tenant
    if tenant.status in {"frozen", "archived"}:
        raise TenantFrozen(f"the tenant is {tenant.status}; nothing of it is changed")
    return tenant


async def buy(
    tx: Tx, story: Story, trigger: Trigger, purchase: Purchase, evidence: str, now: datetime
) -> Tenant:
    """Move a locked tenant by what was bought: status, plan, products, entitlements and events together.

    Raises IllegalTransition with the moves that are allowed.
    """
    story.trigger(trigger, now, evidence, purchase)
    await lifecycle.record(tx, [story], now)
    reason = f"{trigger.value.replace('_', ' ')} {evidence}"
    await entitlements.replace(tx, story.tenant, purchase.products, reason, now)
    return story.tenant


async def move(tx: Tx, story: Story, trigger: Trigger, evidence: str, now: datetime) -> Tenant:
    """A move without a purchase. Raises IllegalTransition."""
    story.trigger(trigger, now, evidence)
    await lifecycle.record(tx, [story], now)
    return story.tenant


def cancellation_of(story: Story, effective: Effective, now: datetime) -> datetime:
    """When a cancellation asked for now takes effect: at once, or with the paid period. Raises IllegalTransition."""
    moved(story.tenant, Trigger.CANCELLED, now)
    ends = [due.due_at for due in story.open if due.action.value == "end_contract"]
    return ends[0] if effective == "period_end" and ends else now


def preview(story: Story, effective: Effective, now: datetime) -> dict[str, Any]:
    """What `cancel` would do. Raises IllegalTransition."""
    told = path_of(story, now)
    at = cancellation_of(told, effective, now)
    if at <= now:
        told.trigger(Trigger.CANCELLED, now, "preview")
    else:
        told.change(now, "preview", cancel_at=at, cancel_reason="preview")
    after = path_of(told, at + timedelta(days=366))
    return {
        "effective_at": at,
        "writes_are_refused_from": at,
        "future": [
            {"at": step.at, "action": step.due.action.value, "status_after": step.after.status}
            for step in after.steps
            if step.due is not None
        ],
    }


async def cancel(tx: Tx, story: Story, effective: Effective, reason: str, slug: str, now: datetime) -> Tenant:
    """Freeze now, or remember to at the end of the paid period. Raises SlugMismatch, IllegalTransition."""
    if slug != story.tenant.slug:
        raise SlugMismatch("slug: type the tenant's slug again to confirm")
    at = cancellation_of(story, effective, now)
    if at <= now:
        story.trigger(Trigger.CANCELLED, now, reason)
    else:
        story.change(now, reason, cancel_at=at, cancel_reason=reason)
    await lifecycle.record(tx, [story], now)
    return story.tenant


async def withdraw(tx: Tx, story: Story, now: datetime) -> Tenant:
    """Take a cancellation back that has not taken effect. Raises IllegalTransition where there is none."""
    if story.tenant.cancel_at is None:
        raise IllegalTransition(
            "no cancellation is pending", allowed_transitions=sorted(allowed_triggers(story.tenant))
        )
    story.change(now, "cancellation withdrawn", cancel_at=None, cancel_reason=None)
    await lifecycle.record(tx, [story], now)
    return story.tenant


async def hold(tx: Tx, story: Story, reason: str, days: int, most_days: int, now: datetime) -> Tenant:
    """Nothing destructive before then. Raises AlreadyHeld, HoldTooLong."""
    if days > most_days:
        raise HoldTooLong(f"days: at most {most_days}")
    tenant_id = story.tenant.tenant_id
    known = await queries.hold_in_force(tx, tenant_id=tenant_id)
    if known is not None and known["held_until"] > now:
        raise AlreadyHeld("the tenant is held already; release that hold first")
    if known is not None:
        await queries.release_hold(
            tx, tenant_id=tenant_id, released_at=known["held_until"], released_by=SYSTEM
        )
    until, hold_id = now + timedelta(days=days), uuid7()
    await queries.add_hold(
        tx,
        hold_id=hold_id,
        tenant_id=tenant_id,
        reason=reason,
        placed_by=actor(),
        placed_at=now,
        held_until=until,
    )
    story.change(now, reason, held_until=until)
    await lifecycle.record(tx, [story], now)
    placed = TenantHoldPlacedV1(tenant_id=tenant_id, hold_id=hold_id, held_until=until)
    await outbox.add(tx, placed, aggregate_version=story.tenant.row_version)
    return story.tenant


async def release(tx: Tx, story: Story, now: datetime) -> Tenant:
    """End the hold before its time. Raises NotHeld."""
    tenant_id = story.tenant.tenant_id
    hold_id = await queries.release_hold(
        tx,
        tenant_id=tenant_id,
        released_at=now,
        released_by=actor(),
    )
    if hold_id is None:
        raise NotHeld("the tenant is not held")
    story.change(now, "hold released", held_until=None)
    await lifecycle.record(tx, [story], now)
    released = TenantHoldReleasedV1(tenant_id=tenant_id, hold_id=hold_id)
    await outbox.add(tx, released, aggregate_version=story.tenant.row_version)
    return story.tenant
