"""Usage: a batch counts once, a trial's quota is said once, series hold what was reported."""

import asyncio
import uuid
from datetime import timedelta
from uuid import UUID

import pytest

from services.registry.errors import TenantNotFound, UsageRefused
from services.registry.tenants.model import Trigger
from services.registry.usage import operations as usage
from services.registry.usage.operations import Used
from tests.integration.registry.life import BEGAN, DAY, Life

TODAY = BEGAN.date()


async def report(life: Life, tenant_id: UUID, *used: Used, batch: UUID | None = None) -> bool:
    async with life.database.transaction(tenant_id) as tx:
        return await usage.count(tx, tenant_id, "notetaker", batch or uuid.uuid4(), used, life.clock.now())


async def totals(life: Life, tenant_id: UUID) -> list[tuple[str, str, int]]:
    async with life.database.reading(tenant_id) as tx:
        found = await usage.series(tx, tenant_id, None, TODAY - timedelta(days=30))
    return [(row["project"], row["metric"], row["quantity"]) for row in found]


async def test_the_same_batch_counts_once_also_side_by_side(life: Life) -> None:
    tenant_id, batch = await life.new_trial(), uuid.uuid4()
    minutes = Used("default", "minutes", TODAY, 7)
    outcomes = await asyncio.gather(
        *(report(life, tenant_id, minutes, minutes, batch=batch) for _ in range(8))
    )
    assert sorted(outcomes) == [False] * 7 + [True]
    assert await totals(life, tenant_id) == [("default", "minutes", 14)]


async def test_batches_side_by_side_lose_nothing(life: Life) -> None:
    tenant_id = await life.new_trial()
    await life.new_project(tenant_id, "a", "b")
    metrics = [Used(project, metric, TODAY, 1) for project in ("a", "b") for metric in ("minutes", "calls")]
    await asyncio.gather(*(report(life, tenant_id, *metrics, *reversed(metrics)) for _ in range(10)))
    assert {quantity for _, _, quantity in await totals(life, tenant_id)} == {20}


async def test_a_trials_quota_is_said_once_when_it_is_used_up(life: Life) -> None:
    tenant_id = await life.new_trial()
    await life.new_project(tenant_id, "other")
    await report(life, tenant_id, Used("default", "minutes", TODAY, 599))
    assert "usage.quota_reached" not in await life.verbs(tenant_id)
    for _ in range(3):
        await report(life, tenant_id, Used("other", "minutes", TODAY, 1))
    said = [data for verb, data in await life.said(tenant_id) if verb == "usage.quota_reached"]
    assert [(one["product"], one["metric"], one["quota"]) for one in said] == [("notetaker", "minutes", 600)]


async def test_who_pays_has_no_trial_quota(life: Life) -> None:
    tenant_id = await life.new_trial()
    await life.buy(tenant_id, Trigger.PAYMENT)
    await report(life, tenant_id, Used("default", "minutes", TODAY, 10_000))
    assert "usage.quota_reached" not in await life.verbs(tenant_id)


@pytest.mark.parametrize("days", [-3, 3])
async def test_a_day_that_cannot_be_is_refused_whole(life: Life, days: int) -> None:
    tenant_id = await life.new_trial()
    bad = Used("default", "minutes", (BEGAN + days * DAY).date(), 1)
    with pytest.raises(UsageRefused) as refused:
        await report(life, tenant_id, Used("default", "minutes", TODAY, 1), bad)
    assert refused.value.extras["errors"][0]["pointer"] == "/items/1/at"
    assert await totals(life, tenant_id) == []


async def test_usage_of_an_unknown_tenant_is_refused(life: Life) -> None:
    with pytest.raises(TenantNotFound):
        await report(life, uuid.uuid4(), Used("default", "minutes", TODAY, 1))
