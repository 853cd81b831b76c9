"""Writes down what happened to tenants: rows, moves, plans, events and pushes, for one or for many in few statements."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis import outbox
from chassis.context import SYSTEM, current_origin
from chassis.db import Tx
from contracts.event import Event
from contracts.registry import (
    TenantActivatedV1,
    TenantArchivedV1,
    TenantDeletedV1,
    TenantFrozenV1,
    TenantPlanChangedV1,
    TenantReactivatedV1,
    TenantTrialExpiringV1,
)
from services.registry.entitlements.granted import Granted
from services.registry.entitlements.store import queries as entitlements
from services.registry.tenants import store
from services.registry.tenants.model import Action, Ladder, Purchase, Step, Story, Tenant, Trigger
from services.registry.tenants.store import queries


async def record(tx: Tx, stories: Sequence[Story], now: datetime) -> None:
    """Everything that these stories say has happened since they were locked; nothing for one without steps."""
    told = [story for story in stories if story.steps]
    if not told:
        return
    tenant_ids = [story.tenant.tenant_id for story in told]
    changed = [story.tenant for story in told if story.tenant.status != "deleted"]
    if changed:
        await store.change_tenants(tx, changed)
    await queries.add_moves(tx, [move for story in told for move in moves_of(story, now)])
    await queries.drop_open_actions(tx, tenant_ids=tenant_ids)
    await queries.add_actions(tx, [action for story in told for action in actions_of(story, now)])
    steps = [(step, story.ladder) for story in told for step in story.steps]
    ended = [step.after.tenant_id for step, _ in steps if ends_grants(step)]
    granted = await Granted.read(tx, ended) if ended else None
    events = []
    for step, ladder in steps:
        events += events_of(step, ladder)
        if granted is not None and ends_grants(step):
            events.append((granted.said(step.after, step.evidence, step.at), step.after.row_version))
    await outbox.add_all(tx, events)
    if pushed := [story.tenant.tenant_id for story in told if has_new_claims(story)]:
        await entitlements.want_pushes(tx, tenant_ids=pushed, due_at=now)


def ends_grants(step: Step) -> bool:
    """Whether something that the tenant could use came to its end by itself."""
    return step.due is not None and step.due.action in {Action.EXPIRE_ENTITLEMENT, Action.EXPIRE_TRIAL}


def has_new_claims(story: Story) -> bool:
    """Whether tokens must say something else from now on."""
    return story.tenant.status != "deleted" and story.tenant.ent_v != story.steps[0].before.ent_v


def moves_of(story: Story, now: datetime) -> list[dict[str, object]]:
    """A row of history for each move."""
    return [
        {
            "tenant_id": step.after.tenant_id,
            "version": step.after.row_version,
            "moved_at": step.at,
            "recorded_at": now,
            "came_from": step.before.status,
            "went_to": step.after.status,
            "reason": step.trigger.value,
            "evidence": step.evidence,
            "actor_id": SYSTEM if step.due is not None else current_origin().actor_id,
        }
        for step in story.steps
        if step.trigger is not None
    ]


def actions_of(story: Story, now: datetime) -> list[dict[str, object]]:
    """What was done by itself, and what is open now."""
    done = [(step.due, now) for step in story.steps if step.due is not None]
    return [
        {
            "tenant_id": story.tenant.tenant_id,
            "action": due.action.value,
            "due_at": due.due_at,
            "cause": due.cause,
            "product": due.product,
            "planned_at": now,
            "done_at": done_at,
        }
        for due, done_at in [*done, *((due, None) for due in story.open)]
    ]


def events_of(step: Step, ladder: Ladder) -> list[tuple[Event, int]]:
    """What is said of a step, each with the aggregate's version."""
    event = event_of(step, ladder)
    return [] if event is None else [(event, step.after.row_version)]


def event_of(step: Step, ladder: Ladder) -> Event | None:
    tenant_id, at = step.after.tenant_id, step.at
    if step.trigger is None:
        if (
            step.due is None
            or step.due.action is not Action.TRIAL_WARNING
            or step.after.trial_ends_at is None
        ):
            return None
        return TenantTrialExpiringV1(
            tenant_id=tenant_id, trial_ends_at=step.after.trial_ends_at, warned_at=at
        )
    if step.after.status == "active":
        return entered_active(step)
    if step.after.status == "frozen":
        return TenantFrozenV1(
            tenant_id=tenant_id,
            frozen_reason=step.trigger.value,  # type: ignore[arg-type]  # the four that freeze
            frozen_at=at,
            archive_at=at + timedelta(days=ladder.grace),
        )
    if step.after.status == "archived":
        return TenantArchivedV1(
            tenant_id=tenant_id, archived_at=at, delete_at=at + timedelta(days=ladder.retention)
        )
    return TenantDeletedV1(tenant_id=tenant_id, deleted_at=at)


def entered_active(step: Step) -> Event:
    tenant, purchase = step.after, step.purchase
    if step.trigger is Trigger.REACTIVATION or purchase is None:
        return TenantReactivatedV1(tenant_id=tenant.tenant_id, reactivated_at=step.at)
    if step.before.status == "active":
        return TenantPlanChangedV1(
            tenant_id=tenant.tenant_id,
            old_plan=step.before.plan,  # type: ignore[arg-type]  # a CHECK keeps it a plan
            plan=purchase.plan,  # type: ignore[arg-type]
            products=purchase.products,
            contract_end=purchase.contract_end,
            ent_v=tenant.ent_v,
            changed_at=step.at,
        )
    return activated(tenant, purchase, step)


def activated(tenant: Tenant, purchase: Purchase, step: Step) -> Event:
    is_order = step.trigger is Trigger.SALES_ORDER
    return TenantActivatedV1(
        tenant_id=tenant.tenant_id,
        slug=tenant.slug,
        plan=purchase.plan,  # type: ignore[arg-type]  # a CHECK keeps it a plan
        products=purchase.products,
        source="sales_order" if is_order else "payment",
        sales_order=step.evidence if is_order else None,
        contract_start=purchase.contract_start,
        contract_end=purchase.contract_end,
        ent_v=tenant.ent_v,
        locale=tenant.locale,
        activated_at=step.at,
    )


async def erase_deleted(tx: Tx, stories: Sequence[Story]) -> None:
    """As worker: leave a tombstone of each tenant whose story has ended, and nothing else."""
    gone = [story for story in stories if story.tenant.status == "deleted"]
    if not gone:
        return
    tombstones = [
        {
            "tenant_id": story.tenant.tenant_id,
            "slug": story.tenant.slug,
            "created_at": story.tenant.created_at,
            "deleted_at": story.steps[-1].at,
        }
        for story in gone
    ]
    await queries.add_tombstones(tx, tombstones)
    ids: list[UUID] = [story.tenant.tenant_id for story in gone]
    await store.change_tenants(tx, [replace(story.tenant, status="archived") for story in gone])
    await queries.erase_tenants(tx, tenant_ids=ids)
