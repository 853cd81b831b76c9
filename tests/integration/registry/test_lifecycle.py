"""The life of tenants under a moved clock, on a real database: rows, plans, moves and events by content."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.db import Tx
from services.registry.errors import (
    AlreadyHeld,
    IllegalTransition,
    NotHeld,
    SlugMismatch,
    SlugTaken,
    TenantNotFound,
)
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Purchase, Story, Trigger
from services.registry.tenants.timeline import timeline
from tests.integration.registry.life import BEGAN, DAY, LADDER, Life


async def timeline_of(life: Life, tenant_id: UUID) -> dict[str, Any]:
    async with life.database.reading(tenant_id) as tx:
        return await timeline(tx, tenant_id, LADDER)


async def test_an_unpaid_trial_is_warned_frozen_archived_and_deleted_as_the_timeline_said(life: Life) -> None:
    tenant_id = await life.new_trial()
    foretold = [
        ((step["at"] - BEGAN) / DAY, step["action"])
        for step in (await timeline_of(life, tenant_id))["future"]
    ]
    assert foretold == [
        (7, "trial_warning"), (12, "trial_warning"), (14, "expire_trial"), (44, "archive"), (74, "delete"),
    ]  # fmt: skip
    happened: list[tuple[float, str]] = []
    for _ in range(73):
        life.clock.advance(DAY)
        await life.run_due()
        happened = await life.done(tenant_id)
    assert happened == foretold[:-1]
    assert await life.moves(tenant_id) == [
        (14, "trial", "frozen", "trial_expired"),
        (44, "frozen", "archived", "grace_over"),
    ]
    life.clock.advance(DAY)
    assert await life.run_due() == 1
    assert await life.verbs(tenant_id) == [
        "tenant.created",
        "tenant.trial_started",
        "tenant.trial_expiring",
        "tenant.trial_expiring",
        "tenant.frozen",
        "entitlements.changed",
        "tenant.archived",
        "tenant.deleted",
    ]
    told = dict(await life.said(tenant_id))
    assert told["tenant.frozen"]["frozen_reason"] == "trial_expired"
    assert datetime.fromisoformat(told["tenant.frozen"]["archive_at"]) == BEGAN + 44 * DAY
    assert datetime.fromisoformat(told["tenant.archived"]["delete_at"]) == BEGAN + 74 * DAY
    assert datetime.fromisoformat(told["tenant.deleted"]["deleted_at"]) == BEGAN + 74 * DAY


async def test_of_a_deleted_tenant_only_a_tombstone_remains(life: Life) -> None:
    tenant_id = await life.new_trial()
    slug = await life.admin.fetchval("select slug from registry.tenant where tenant_id = $1", tenant_id)
    other = await life.new_trial()
    await life.buy(other, Trigger.SALES_ORDER)
    life.clock.advance(75 * DAY)
    await life.run_due()
    for table in ("tenant", "tenant_move", "tenant_product", "member", "due_action", "claims_push"):
        left = await life.admin.fetchval(
            f"select count(*) from registry.{table} where tenant_id = $1",  # noqa: S608  # from the list above
            tenant_id,
        )
        assert (table, left) == (table, 0)
    assert await life.status(other) == "active"
    assert await life.admin.fetchval("select count(*) from registry.tenant_product") > 0
    stone = await life.admin.fetchrow("select * from registry.tombstone where tenant_id = $1", tenant_id)
    assert stone is not None
    assert (stone["created_at"], stone["deleted_at"]) == (BEGAN, BEGAN + 74 * DAY)
    assert slug.encode() not in bytes(stone["slug_hash"])
    asked = tenants.NewTenant(slug, "Acme", "real", "en", "Europe/Berlin", None)
    for days, free in ((80, False), (91, True)):
        now = stone["deleted_at"] + timedelta(days=days)
        async with life.database.platform_reading() as reading:
            if free:
                await tenants.refuse_taken(reading, other_id(), asked, now)
            else:
                with pytest.raises(SlugTaken):
                    await tenants.refuse_taken(reading, other_id(), asked, now)


def other_id() -> UUID:
    return UUID(int=99)


@pytest.mark.parametrize("trigger", [Trigger.SALES_ORDER, Trigger.PAYMENT])
@pytest.mark.parametrize("reason", ["trial_expired", "cancelled", "non_payment", "contract_end"])
async def test_a_frozen_tenant_comes_back_by_a_purchase_whatever_froze_it(
    life: Life, reason: str, trigger: Trigger
) -> None:
    tenant_id = await freeze_by(life, reason)
    life.clock.advance(29 * DAY)
    await life.buy(tenant_id, trigger)
    life.clock.advance(365 * DAY)
    assert await life.run_due() == 0
    assert await life.status(tenant_id) == "active"
    told = dict(await life.said(tenant_id))
    assert told["tenant.frozen"]["frozen_reason"] == reason
    assert told["tenant.activated"]["source"] == trigger.value
    assert told["entitlements.changed"]["ent_v"] == told["tenant.activated"]["ent_v"]


@pytest.mark.parametrize("reason", ["trial_expired", "cancelled", "non_payment", "contract_end"])
async def test_only_what_was_cancelled_is_reactivated_without_a_purchase(life: Life, reason: str) -> None:
    tenant_id = await freeze_by(life, reason)

    async def reactivate(tx: Tx, story: Story, now: datetime) -> None:
        await tenants.move(tx, story, Trigger.REACTIVATION, "an operator", now)

    if reason == "cancelled":
        await life.change(tenant_id, reactivate)
        assert await life.status(tenant_id) == "active"
        assert (await life.verbs(tenant_id))[-1] == "tenant.reactivated"
        return
    with pytest.raises(IllegalTransition) as refused:
        await life.change(tenant_id, reactivate)
    assert refused.value.extras["allowed_transitions"] == ["grace_over", "payment", "sales_order"]
    assert await life.status(tenant_id) == "frozen"


async def freeze_by(life: Life, reason: str) -> UUID:
    """A tenant that was frozen for this reason."""
    tenant_id = await life.new_trial()
    if reason == "trial_expired":
        life.clock.advance(14 * DAY)
        await life.run_due()
        return tenant_id
    ends = (BEGAN + 9 * DAY).date() if reason == "contract_end" else None
    await life.buy(tenant_id, Trigger.SALES_ORDER, Purchase("starter", ("notetaker",), BEGAN.date(), ends))
    life.clock.advance(10 * DAY)
    if reason == "contract_end":
        assert await life.run_due() == 1
        return tenant_id

    async def freeze(tx: Tx, story: Story, now: datetime) -> None:
        if reason == "cancelled":
            await tenants.cancel(tx, story, "now", "price", story.tenant.slug, now)
        else:
            await tenants.move(tx, story, Trigger.NON_PAYMENT, "notice 7", now)

    await life.change(tenant_id, freeze)
    return tenant_id


async def test_a_cancellation_waits_for_the_paid_period_and_can_be_withdrawn(life: Life) -> None:
    tenant_id = await life.new_trial()
    ends = (BEGAN + 100 * DAY).date()
    await life.buy(tenant_id, Trigger.PAYMENT, Purchase("starter", ("notetaker",), BEGAN.date(), ends))

    async def cancel(tx: Tx, story: Story, now: datetime) -> None:
        await tenants.cancel(tx, story, "period_end", "price", story.tenant.slug, now)

    async def wrong_slug(tx: Tx, story: Story, now: datetime) -> None:
        await tenants.cancel(tx, story, "now", "price", "another", now)

    with pytest.raises(SlugMismatch):
        await life.change(tenant_id, wrong_slug)
    await life.change(tenant_id, cancel)
    assert await life.status(tenant_id) == "active"
    assert [step["action"] for step in (await timeline_of(life, tenant_id))["future"]] == [
        "cancel", "archive", "delete",
    ]  # fmt: skip
    await life.change(tenant_id, tenants.withdraw)
    assert (await timeline_of(life, tenant_id))["future"][0]["action"] == "end_contract"
    with pytest.raises(IllegalTransition):
        await life.change(tenant_id, tenants.withdraw)
    await life.change(tenant_id, cancel)
    life.clock.advance(102 * DAY)
    await life.run_due()
    assert (await life.moves(tenant_id))[-1][1:] == ("active", "frozen", "cancelled")


async def test_a_hold_postpones_archiving_until_it_ends_or_is_released(life: Life) -> None:
    tenant_id = await life.new_trial()
    life.clock.advance(20 * DAY)

    async def hold(tx: Tx, story: Story, now: datetime) -> None:
        await tenants.hold(tx, story, "lawsuit", 60, 90, now)

    await life.change(tenant_id, hold)
    with pytest.raises(AlreadyHeld):
        await life.change(tenant_id, hold)
    life.clock.advance(50 * DAY)
    await life.run_due()
    assert await life.status(tenant_id) == "frozen"
    assert (await timeline_of(life, tenant_id))["future"][0]["at"] == BEGAN + 80 * DAY
    await life.change(tenant_id, tenants.release)
    with pytest.raises(NotHeld):
        await life.change(tenant_id, tenants.release)
    await life.run_due()
    assert await life.moves(tenant_id) == [
        (14, "trial", "frozen", "trial_expired"),
        (44, "frozen", "archived", "grace_over"),
    ]
    verbs = await life.verbs(tenant_id)
    assert [verb for verb in verbs if "hold" in verb] == ["tenant.hold_placed", "tenant.hold_released"]


async def test_a_request_never_overtakes_a_late_timer(life: Life) -> None:
    """The scheduler slept through the end of the trial; a payment comes first."""
    tenant_id = await life.new_trial()
    life.clock.advance(20 * DAY)
    await life.buy(tenant_id, Trigger.PAYMENT)
    assert await life.moves(tenant_id) == [
        (14, "trial", "frozen", "trial_expired"),
        (20, "frozen", "active", "payment"),
    ]
    assert await life.run_due() == 0
    life.clock.advance(60 * DAY)
    late = await life.new_trial()
    life.clock.advance(75 * DAY)
    with pytest.raises(TenantNotFound):
        await life.buy(late, Trigger.PAYMENT)
