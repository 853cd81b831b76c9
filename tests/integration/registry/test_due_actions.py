"""Many actions due at once, and several processes to do them: each is done exactly once, whoever dies."""

import asyncio
import sys
import time
from collections.abc import Callable

import asyncpg
import pytest

from chassis.errors import Transient
from services.registry.tenants import lifecycle
from services.registry.tenants.model import Ladder, Step, Trigger
from tests.infra import ServiceDsns
from tests.integration.registry.life import DAY, Life

PROCESSES = 4
FILL = """
with made as (
    insert into registry.tenant (tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, operation_id,
                                 trial_ends_at, created_at)
    select gen_random_uuid(), 't-' || n, 'T', 'real', 'trial', 'trial', 'en', 'Europe/Berlin', 'o' || n, 'p' || n,
           now() - interval '1 hour', now() - interval '15 days'
    from generate_series(1, $1) n
    returning tenant_id, trial_ends_at)
insert into registry.due_action (tenant_id, action, due_at, cause, planned_at, try_at)
select tenant_id, 'expire_trial', trial_ends_at, 'day 14', now(), trial_ends_at from made
"""
ONCE = """
select count(*) filter (where moves = 1 and said = 1 and done = 1 and open = 1) as once, count(*) as all
from (
    select t.tenant_id,
           (select count(*) from registry.tenant_move m where m.tenant_id = t.tenant_id) as moves,
           (select count(*) from registry.due_action a where a.tenant_id = t.tenant_id and a.done_at is not null) as done,
           (select count(*) from registry.due_action a where a.tenant_id = t.tenant_id and a.done_at is null) as open,
           coalesce(o.said, 0) as said
    from registry.tenant t
    left join (select tenant_id, count(*) as said from registry.outbox where subject = 'registry.tenant.frozen.v1'
               group by tenant_id) o using (tenant_id)
) each
"""


@pytest.mark.parametrize(
    "count",
    [
        4_000,
        pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
async def test_four_processes_do_each_action_exactly_once(
    count: int, service_dsns: Callable[[str], ServiceDsns], admin: asyncpg.Connection
) -> None:
    await admin.execute("set statement_timeout = 0")
    await admin.execute(FILL, count, timeout=300)
    await admin.execute("analyze registry.tenant, registry.due_action")
    dsns = service_dsns("registry")
    began = time.monotonic()
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.registry.due_worker",
            dsns.database_url, dsns.worker_database_url, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    done = [int((await process.communicate())[0]) for process in processes]
    seconds = time.monotonic() - began
    print(f"{count} due actions by {PROCESSES} processes: {count / seconds:,.0f} per second, shares {done}")  # noqa: T201
    assert sum(done) == count
    assert sum(share > 0 for share in done) > 1, f"the work was not shared: {done}"
    row = await admin.fetchrow(ONCE, timeout=300)
    assert row is not None
    assert (row["once"], row["all"]) == (count, count)


async def test_an_action_that_fails_is_put_off_and_the_others_are_done(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, *good = [await life.new_trial() for _ in range(4)]
    event_of = lifecycle.event_of

    def broken(step: Step, ladder: Ladder) -> object:
        if step.after.tenant_id == bad:
            raise ValueError("no event for this one")
        return event_of(step, ladder)

    monkeypatch.setattr(lifecycle, "event_of", broken)
    life.clock.advance(7 * DAY)
    await life.scheduler(batch=10).run_due()
    assert [await life.done(tenant_id) for tenant_id in good] == [[(7, "trial_warning")]] * 3
    assert await life.done(bad) == []
    row = await life.admin.fetchrow(
        "select attempts, last_error from registry.due_action where tenant_id = $1 and action = 'trial_warning'"
        " and done_at is null order by due_at",
        bad,
    )
    assert row is not None
    assert (row["attempts"], "no event" in row["last_error"]) == (1, True)
    monkeypatch.undo()
    assert await life.run_due() == 0, "it is not tried again at once"
    life.clock.advance(2 * DAY)
    assert await life.run_due() == 1
    assert await life.done(bad) == [(7, "trial_warning")]


async def test_a_scheduler_whose_database_is_away_goes_on_when_it_is_back(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await life.new_trial()
    life.clock.advance(7 * DAY)

    async def away(*_: object) -> None:
        raise Transient("in a moment")

    monkeypatch.setattr(lifecycle, "record", away)
    with pytest.raises(Transient):
        await life.scheduler().run_due()
    monkeypatch.undo()
    assert await life.run_due() == 1
    assert await life.done(tenant_id) == [(7, "trial_warning")]


async def test_an_action_that_was_overtaken_by_a_purchase_never_happens(life: Life) -> None:
    tenant_id = await life.new_trial()
    await life.buy(tenant_id, Trigger.PAYMENT)
    life.clock.advance(200 * DAY)
    assert await life.run_due() == 0
    assert await life.done(tenant_id) == []
