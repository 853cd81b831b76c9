"""Warnings before a key expires: on their days, once, by whichever process, never for a key that has ended."""

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Transient
from services.registry.api_keys import expiry
from services.registry.api_keys.expiry import ExpiryWarnings
from services.registry.api_keys.store import queries
from services.registry.tenants.model import Trigger
from tests.infra import ServiceDsns
from tests.integration.registry.key_stage import KeyStage
from tests.integration.registry.life import BEGAN, DAY, PURCHASE, Life

PROCESSES = 4
FILL = """
with t as (
    insert into registry.tenant (tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, operation_id,
                                 created_at)
    values (gen_random_uuid(), 'acme', 'Acme', 'real', 'active', 'starter', 'en', 'Europe/Berlin', 'o', 'p', now())
    returning tenant_id),
k as (
    insert into registry.api_key (key_id, tenant_id, name, pepper_id, digest, prefix, last_four, project_id, product_key,
                                  scopes, created_by, created_at, expires_at)
    select gen_random_uuid(), tenant_id, 'k', 'p1', sha256(n::text::bytea), 'tk_live_abcd', 'wxyz', 'default',
           'ai_console', array['read'], 'me', now() - interval '30 days', now() + interval '1 day'
    from generate_series(1, $1) n, t returning key_id, tenant_id, expires_at)
insert into registry.api_key_warning (tenant_id, key_id, days_left, due_at, try_at)
select tenant_id, key_id, days, expires_at - make_interval(days => days), now() - interval '1 hour'
from k, unnest(array[14, 3, 0]) days
"""
SAID = """
select count(*) as said, count(distinct (payload_text ->> 'key_id', payload_text ->> 'days_left')) as different
from (select convert_from(payload, 'UTF8')::jsonb as payload_text from registry.outbox
      where subject = 'registry.api_key.expiring.v1') each
"""


async def run_due(life: Life, batch: int = 50) -> int:
    warnings, done = ExpiryWarnings(life.database, life.clock, batch=batch), 0
    while found := await warnings.run_due():
        done += found
    return done


async def warned(life: Life, tenant_id: Any) -> list[tuple[int, float, str]]:
    """(days left, day on which it was to be said, key)."""
    return [
        (data["days_left"], day_of(data["warned_at"]), data["key_id"])
        for verb, data in await life.said(tenant_id)
        if verb == "api_key.expiring"
    ]


def day_of(text: str) -> float:
    return (datetime.fromisoformat(text) - BEGAN) / DAY


async def test_a_key_is_warned_of_14_3_and_0_days_before_it_expires(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    await stage.life.buy(tenant_id, Trigger.PAYMENT, PURCHASE)
    long = await stage.issue(process, tenant_id, expires_at=stage.later(days=30))
    short = await stage.issue(process, tenant_id, expires_at=stage.later(days=2))
    await stage.issue(process, tenant_id)
    said = []
    for _ in range(62):
        said.append(await run_due(stage.life))
        stage.clock.advance(timedelta(hours=12))
    assert sum(said) == 4
    assert await warned(stage.life, tenant_id) == [
        (0, 2.0, short["key_id"]), (14, 16.0, long["key_id"]), (3, 27.0, long["key_id"]), (0, 30.0, long["key_id"]),
    ]  # fmt: skip


async def test_warnings_that_are_late_are_said_each_at_its_own_time(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    key = await stage.issue(process, tenant_id, expires_at=stage.later(days=20))
    stage.clock.advance(40 * DAY)
    assert await run_due(stage.life, batch=2) == 3
    assert await run_due(stage.life) == 0
    assert await warned(stage.life, tenant_id) == [
        (14, 6.0, key["key_id"]), (3, 17.0, key["key_id"]), (0, 20.0, key["key_id"]),
    ]  # fmt: skip


async def test_nobody_is_warned_of_a_key_that_was_revoked_or_rotated(stage: KeyStage) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    revoked, rotated = [
        await stage.issue(process, tenant_id, expires_at=stage.later(days=10)) for _ in range(2)
    ]
    await stage.revoke(process, revoked)
    new = await stage.rotate(process, rotated, expires_at=stage.later(days=5))
    stage.clock.advance(60 * DAY)
    assert await run_due(stage.life) == 2
    assert {key_id for _, _, key_id in await warned(stage.life, tenant_id)} == {new["key_id"]}


async def test_one_warning_that_fails_is_put_off_and_the_others_are_said(
    stage: KeyStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    bad, good = [
        (await stage.issue(process, tenant_id, expires_at=stage.later(days=days)))["key_id"]
        for days in (1, 2)
    ]
    warning_of = expiry.warning_of

    def broken(row: dict[str, Any]) -> object:
        if str(row["key_id"]) == bad:
            raise ValueError("no event for this one")
        return warning_of(row)

    monkeypatch.setattr(expiry, "warning_of", broken)
    stage.clock.advance(2 * DAY)
    await ExpiryWarnings(stage.life.database, stage.clock).run_due()
    assert [key_id for _, _, key_id in await warned(stage.life, tenant_id)] == [good]
    monkeypatch.undo()
    assert await run_due(stage.life) == 0, "it is not tried again at once"
    stage.clock.advance(timedelta(minutes=1))
    assert await run_due(stage.life) == 1
    assert await warned(stage.life, tenant_id) == [(0, 2.0, good), (0, 1.0, bad)]


async def test_what_was_not_committed_was_not_said(stage: KeyStage, monkeypatch: pytest.MonkeyPatch) -> None:
    process, tenant_id = await stage.start(), await stage.life.new_trial()
    await stage.issue(process, tenant_id, expires_at=stage.later(days=1))
    stage.clock.advance(DAY)

    async def cut(*_: object, **__: object) -> None:
        raise Transient("cut")

    monkeypatch.setattr(queries, "warned", cut)
    with pytest.raises(Transient):
        await ExpiryWarnings(stage.life.database, stage.clock).run_due()
    monkeypatch.undo()
    assert await warned(stage.life, tenant_id) == []
    assert await run_due(stage.life) == 1


async def test_four_processes_say_each_warning_exactly_once(
    service_dsns: Callable[[str], ServiceDsns], stage: KeyStage
) -> None:
    count, dsns = 2_000, service_dsns("registry")
    await stage.admin.execute(FILL, count)
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.registry.warning_worker",
            dsns.database_url, dsns.worker_database_url, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    done = [int((await process.communicate())[0]) for process in processes]
    assert sum(done) == 2 * count, "14 and 3 days are over, the key itself is not"
    row = await stage.admin.fetchrow(SAID)
    assert row is not None
    assert (row["said"], row["different"]) == (2 * count, 2 * count)
