"""The transition table, whole: every status and reason × every trigger × both kinds."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.registry.errors import IllegalTransition
from services.registry.tenants.model import (
    Action,
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

BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LADDER = Ladder()
PURCHASE = Purchase("professional", ("notetaker",), date(2026, 3, 10), date(2027, 3, 9))
TRIAL = Tenant(
    tenant_id=uuid.UUID(int=1), slug="acme", name="Acme", kind="real", status="trial", plan="trial", locale="en",
    time_zone="Europe/Berlin", org_id="o", erp_customer_id=None, trial_ends_at=BEGAN + 14 * DAY, contract_start=None,
    contract_end=None, frozen_reason=None, frozen_at=None, archived_at=None, cancel_at=None, cancel_reason=None,
    held_until=None, created_at=BEGAN, ent_v=1, row_version=1,
)  # fmt: skip
ACTIVE = replace(TRIAL, status="active", plan="starter")
ARCHIVED = replace(TRIAL, status="archived", archived_at=BEGAN)

STATES = {
    "trial": TRIAL,
    "active": ACTIVE,
    **{
        f"frozen/{reason}": replace(TRIAL, status="frozen", frozen_reason=reason, frozen_at=BEGAN)
        for reason in ("cancelled", "trial_expired", "non_payment", "contract_end")
    },
    "archived": ARCHIVED,
    "deleted": replace(ARCHIVED, status="deleted"),
}
# Written out by hand from the design, so that a change of the table has to be meant.
LEGAL = {
    ("trial", "sales_order"): "active",
    ("trial", "payment"): "active",
    ("trial", "trial_expired"): "frozen",
    ("active", "sales_order"): "active",
    ("active", "payment"): "active",
    ("active", "cancelled"): "frozen",
    ("active", "non_payment"): "frozen",
    ("active", "contract_end"): "frozen",
    ("frozen/cancelled", "sales_order"): "active",
    ("frozen/cancelled", "payment"): "active",
    ("frozen/cancelled", "reactivation"): "active",
    ("frozen/cancelled", "grace_over"): "archived",
    ("frozen/trial_expired", "sales_order"): "active",
    ("frozen/trial_expired", "payment"): "active",
    ("frozen/trial_expired", "grace_over"): "archived",
    ("frozen/non_payment", "sales_order"): "active",
    ("frozen/non_payment", "payment"): "active",
    ("frozen/non_payment", "grace_over"): "archived",
    ("frozen/contract_end", "sales_order"): "active",
    ("frozen/contract_end", "payment"): "active",
    ("frozen/contract_end", "grace_over"): "archived",
    ("archived", "retention_over"): "deleted",
}


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("state", list(STATES))
def test_every_status_times_every_trigger(state: str, trigger: Trigger) -> None:
    tenant = STATES[state]
    expected = LEGAL.get((state, trigger.value))
    if expected is None:
        with pytest.raises(IllegalTransition) as refused:
            moved(tenant, trigger, BEGAN)
        legal = sorted(name for status, name in LEGAL if status == state)
        assert refused.value.extras["allowed_transitions"] == legal
        return
    after = moved(tenant, trigger, BEGAN + DAY, PURCHASE if expected == "active" else None)
    assert after.status == expected
    assert (after.row_version, after.ent_v) == (tenant.row_version + 1, tenant.ent_v + 1)
    assert (after.frozen_reason, after.frozen_at) == (
        (trigger.value, BEGAN + DAY)
        if expected == "frozen"
        else (None, None)
        if expected == "active"
        else (tenant.frozen_reason, tenant.frozen_at)
    )


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("state", list(STATES))
def test_a_demo_tenant_never_moves(state: str, trigger: Trigger) -> None:
    demo = replace(STATES[state], kind="demo")
    assert allowed_triggers(demo) == {}
    assert plan_of(demo, LADDER) == []
    with pytest.raises(IllegalTransition):
        moved(demo, trigger, BEGAN)


def days(story: Story) -> list[tuple[float, str]]:
    """What happened by itself, by day since the trial began."""
    return [((step.at - BEGAN) / DAY, step.due.action.value) for step in story.steps if step.due]


def test_an_unpaid_trial_ends_on_day_44_and_is_gone_30_days_later() -> None:
    told = path_of(Story(TRIAL, plan_of(TRIAL, LADDER), LADDER), BEGAN + 365 * DAY)
    assert days(told) == [
        (7, "trial_warning"),
        (12, "trial_warning"),
        (14, "expire_trial"),
        (44, "archive"),
        (74, "delete"),
    ]
    assert told.tenant.status == "deleted"
    assert told.open == []


def test_a_late_scheduler_does_everything_at_its_own_time() -> None:
    prompt, late = (Story(TRIAL, plan_of(TRIAL, LADDER), LADDER) for _ in range(2))
    for day in range(100):
        prompt.catch_up(BEGAN + day * DAY)
    late.catch_up(BEGAN + 100 * DAY)
    assert (late.tenant, late.steps) == (prompt.tenant, prompt.steps)


def test_a_payment_stops_the_trials_timers() -> None:
    story = Story(TRIAL, plan_of(TRIAL, LADDER), LADDER)
    story.catch_up(BEGAN + 8 * DAY)
    story.trigger(Trigger.PAYMENT, BEGAN + 8 * DAY, "pi_1", PURCHASE)
    assert [(due.action, due.due_at) for due in story.open] == [
        (Action.END_CONTRACT, datetime(2027, 3, 10, tzinfo=UTC))
    ]


@pytest.mark.parametrize("held_days", [10, 60])
def test_a_hold_postpones_what_destroys_and_nothing_else(held_days: int) -> None:
    story = Story(TRIAL, plan_of(TRIAL, LADDER), LADDER)
    story.change(BEGAN, "lawsuit", held_until=BEGAN + held_days * DAY)
    told = path_of(story, BEGAN + 365 * DAY)
    archived = max(44, held_days)
    assert days(told)[2:] == [(14, "expire_trial"), (archived, "archive"), (archived + 30, "delete")]


def test_a_cancellation_at_the_period_end_leaves_the_tenant_active_until_then() -> None:
    story = Story(ACTIVE, plan_of(ACTIVE, LADDER), LADDER)
    story.change(BEGAN, "price", cancel_at=BEGAN + 20 * DAY, cancel_reason="price")
    told = path_of(story, BEGAN + 365 * DAY)
    assert days(told) == [(20, "cancel"), (50, "archive"), (80, "delete")]
    assert told.steps[0].after.frozen_reason == "cancelled"
