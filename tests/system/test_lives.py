"""Lives of tenants from their first day to their end, one test each: what was foretold, done, said and recorded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.bus import Bus
from chassis.clock import ManualClock, SystemClock
from chassis.db import Database, Tx
from chassis.outbox import Lane
from chassis.relay import Relay
from services.audit.app import compose
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Purchase, Story, Trigger
from tests.infra import ServiceDsns, TestNats
from tests.integration.audit.stage import Log, settings_of
from tests.integration.registry.life import BEGAN, DAY, Life
from tests.system.lives import OPERATOR, Chronicle, Deed, on


@pytest.fixture
async def chronicle(
    database: Callable[[str], Awaitable[Database]],
    admin: asyncpg.Connection,
    bus: Callable[[str], Awaitable[Bus]],
    service_dsns: Callable[[str], ServiceDsns],
    nats_server: TestNats,
    tmp_path: Path,
) -> AsyncIterator[Chronicle]:
    """The registry with its relay, and the whole of audit."""
    registry, stop = await database("registry"), asyncio.Event()
    life = Life(registry, admin, ManualClock(BEGAN))
    relay = asyncio.create_task(
        Relay(registry, await bus("registry"), Lane("outbox", "REGISTRY"), SystemClock()).run()
    )
    settings = settings_of(service_dsns("audit"), nats_server, "http://127.0.0.1:1", tmp_path)
    audit = asyncio.create_task(compose(settings).run(stop))
    yield Chronicle(life, Log(admin, await database("audit")), await life.new_trial())
    stop.set()
    relay.cancel()
    await asyncio.gather(relay, audit, return_exceptions=True)


SYSTEM = {"id": "system", "type": "system"}
NOBODY = {"id": None, "type": "system"}
PERSON = {"id": OPERATOR, "type": "user"}
EVERYTHING = ["ai_console", "compliance_suite", "notetaker"]
Said = tuple[str, dict[str, Any], dict[str, Any]]
"""(what, what it says beside the tenant's id, by whom)"""


def begun(chronicle: Chronicle) -> list[Said]:
    short = chronicle.tenant_id.hex[:12]
    tenant = {
        "slug": f"t-{short}", "name": "Acme", "kind": "real", "status": "trial", "plan": "trial", "locale": "en",
        "time_zone": "Europe/Berlin", "org_id": f"org-{chronicle.tenant_id}",
    }  # fmt: skip
    return [
        ("tenant.created", tenant, NOBODY),
        ("tenant.trial_started", {"trial_ends_at": on(14), "products": EVERYTHING}, NOBODY),
    ]


def warned(day: int) -> Said:
    return "tenant.trial_expiring", {"trial_ends_at": on(14), "warned_at": on(day)}, SYSTEM


def frozen(reason: str, day: float, by: dict[str, Any] = SYSTEM) -> Said:
    return "tenant.frozen", {"frozen_reason": reason, "frozen_at": on(day), "archive_at": on(day + 30)}, by


def expired() -> tuple[Said, Said]:
    nothing = {"ent_v": 2, "plan": "trial", "products": [], "reason": "day 14 without payment"}
    return frozen("trial_expired", 14), ("entitlements.changed", nothing, SYSTEM)


def archived(day: float) -> Said:
    return "tenant.archived", {"archived_at": on(day), "delete_at": on(day + 30)}, SYSTEM


def deleted(day: float) -> Said:
    return "tenant.deleted", {"deleted_at": on(day)}, SYSTEM


async def check_said(chronicle: Chronicle, expected: list[Said]) -> None:
    """Outbox and audit log hold exactly this, in this order."""
    tenant_id = str(chronicle.tenant_id)
    told = [(verb, {"tenant_id": tenant_id, **data}) for verb, data, _ in expected]
    assert await chronicle.life.said(chronicle.tenant_id) == told
    records = await chronicle.recorded(len(told))
    kept = [
        (record["type"], record["data"], record["actor"], record["tenant_id"], record["subject"])
        for record in records
    ]
    assert kept == [
        (f"registry.{verb}.v1", {"tenant_id": tenant_id, **data}, by, tenant_id, f"tenant/{tenant_id}")
        for verb, data, by in expected
    ]


async def test_nobody_pays_for_a_trial(chronicle: Chronicle) -> None:
    await chronicle.lives(80)
    assert chronicle.happened == [
        (7, "trial_warning", "trial"),
        (12, "trial_warning", "trial"),
        (14, "expire_trial", "frozen"),
        (44, "archive", "archived"),
        (74, "delete", "deleted"),
    ]
    dying = [warned(7), warned(12), *expired(), archived(44), deleted(74)]
    await check_said(chronicle, [*begun(chronicle), *dying])


def bought(trigger: Trigger, until: float | None = None) -> Deed:
    ends = None if until is None else (BEGAN + until * DAY).date()
    purchase = Purchase("starter", ("notetaker",), BEGAN.date(), ends)
    return lambda life, tenant_id: life.buy(tenant_id, trigger, purchase)


async def cancelled(life: Life, tenant_id: UUID) -> None:
    async def cancel(tx: Tx, story: Story, now: datetime) -> None:
        await tenants.cancel(tx, story, "now", "price", story.tenant.slug, now)

    await life.change(tenant_id, cancel)


async def reactivated(life: Life, tenant_id: UUID) -> None:
    async def reactivate(tx: Tx, story: Story, now: datetime) -> None:
        await tenants.move(tx, story, Trigger.REACTIVATION, "they asked", now)

    await life.change(tenant_id, reactivate)


def activated(
    chronicle: Chronicle, day: float, ent_v: int, source: str, until: str | None = None
) -> tuple[Said, Said]:
    data = {
        "slug": f"t-{chronicle.tenant_id.hex[:12]}", "plan": "starter", "products": ["notetaker"], "source": source,
        "sales_order": "REF-1" if source == "sales_order" else None, "contract_start": "2026-03-01",
        "contract_end": until, "ent_v": ent_v, "locale": "en", "activated_at": on(day),
    }  # fmt: skip
    granted = {
        "ent_v": ent_v, "plan": "starter", "reason": f"{source.replace('_', ' ')} REF-1",
        "products": [{"key": "notetaker", "enabled": True, "expires_at": None}],
    }  # fmt: skip
    return ("tenant.activated", data, PERSON), ("entitlements.changed", granted, PERSON)


async def test_a_trial_that_ended_comes_back_by_a_payment(chronicle: Chronicle) -> None:
    await chronicle.lives(300, {40: bought(Trigger.PAYMENT)})
    assert [step[0] for step in chronicle.happened] == [7, 12, 14]
    await check_said(
        chronicle,
        [
            *begun(chronicle),
            warned(7),
            warned(12),
            *expired(),
            *activated(chronicle, 40, 3, "payment"),
        ],
    )


async def test_who_cancels_comes_back_as_they_were(chronicle: Chronicle) -> None:
    await chronicle.lives(300, {3: bought(Trigger.SALES_ORDER), 20: cancelled, 49: reactivated})
    assert chronicle.happened == []
    await check_said(
        chronicle,
        [
            *begun(chronicle),
            *activated(chronicle, 3, 2, "sales_order"),
            frozen("cancelled", 20, PERSON),
            ("tenant.reactivated", {"reactivated_at": on(49)}, PERSON),
        ],
    )


async def test_who_did_not_pay_comes_back_by_a_payment(chronicle: Chronicle) -> None:
    deeds: dict[float, Deed] = {
        8: bought(Trigger.PAYMENT),
        40: lambda life, tenant_id: life.freeze(tenant_id),
        69: bought(Trigger.PAYMENT),
    }
    await chronicle.lives(300, deeds)
    assert chronicle.happened == [(7, "trial_warning", "trial")]
    await check_said(
        chronicle,
        [
            *begun(chronicle),
            warned(7),
            *activated(chronicle, 8, 2, "payment"),
            frozen("non_payment", 40, PERSON),
            *activated(chronicle, 69, 4, "payment"),
        ],
    )


async def test_a_contract_that_ended_is_followed_by_an_order(chronicle: Chronicle) -> None:
    await chronicle.lives(300, {2: bought(Trigger.SALES_ORDER, 90), 100: bought(Trigger.SALES_ORDER)})
    assert chronicle.happened == [(90.625, "end_contract", "frozen")]  # midnight after the last day, in UTC
    await check_said(
        chronicle,
        [
            *begun(chronicle),
            *activated(chronicle, 2, 2, "sales_order", "2026-05-30"),
            frozen("contract_end", 90.625),
            *activated(chronicle, 100, 4, "sales_order"),
        ],
    )


async def test_a_hold_keeps_what_would_be_archived(chronicle: Chronicle) -> None:
    async def held(life: Life, tenant_id: UUID) -> None:
        async def hold(tx: Tx, story: Story, now: datetime) -> None:
            await tenants.hold(tx, story, "lawsuit", 60, 90, now)

        await life.change(tenant_id, hold)

    await chronicle.lives(120, {20: held})
    assert chronicle.happened[2:] == [
        (14, "expire_trial", "frozen"),
        (80, "archive", "archived"),
        (110, "delete", "deleted"),
    ]
    [hold_id] = [
        data["hold_id"] for verb, data in await chronicle.life.said(chronicle.tenant_id) if "hold" in verb
    ]
    await check_said(
        chronicle,
        [
            *begun(chronicle),
            warned(7),
            warned(12),
            *expired(),
            ("tenant.hold_placed", {"hold_id": hold_id, "held_until": on(80)}, PERSON),
            archived(80),
            deleted(110),
        ],
    )
