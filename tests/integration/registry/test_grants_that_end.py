"""A grant that ends: by itself, at its own time, once, whoever dies; told to the bus and to the identity provider."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from chassis import outbox
from chassis.db import Tx
from chassis.errors import Transient
from services.registry.api_keys.operations import require_product
from services.registry.entitlements import operations as entitlements
from services.registry.entitlements.pushes import ClaimsPusher
from services.registry.errors import ProductUnknown
from services.registry.tenants.model import Purchase, Story, Trigger
from services.registry.tenants.timeline import timeline
from tests.integration.registry.life import BEGAN, DAY, LADDER, Life

BOUGHT = Purchase("starter", ("notetaker",), BEGAN.date(), None)


class Heard:
    """An identity provider that keeps what it was told last."""

    def __init__(self) -> None:
        self.attributes: dict[str, list[str]] = {}

    async def set_attributes(self, org_id: str, attributes: dict[str, list[str]]) -> None:
        del org_id
        self.attributes = attributes


async def grant(
    life: Life, tenant_id: UUID, product: str, days: float | None, *, enabled: bool = True
) -> None:
    async def change(tx: Tx, story: Story, now: datetime) -> Any:
        expires_at = None if days is None else now + days * DAY
        return await entitlements.override(
            tx, story, product, enabled=enabled, expires_at=expires_at, config={}, reason="a favour", now=now
        )

    await life.change(tenant_id, change)


async def active(life: Life) -> UUID:
    tenant_id = await life.new_trial()
    await life.buy(tenant_id, Trigger.PAYMENT, BOUGHT)
    return tenant_id


async def ent_v(life: Life, tenant_id: UUID) -> int:
    return int(await life.admin.fetchval("select ent_v from registry.tenant where tenant_id = $1", tenant_id))


async def planned(life: Life, tenant_id: UUID) -> list[tuple[float, str]]:
    async with life.database.reading(tenant_id) as tx:
        told = await timeline(tx, tenant_id, LADDER)
    return [((step["at"] - BEGAN) / DAY, step["cause"]) for step in told["future"]]


async def changes(life: Life, tenant_id: UUID) -> list[tuple[int, set[str], str]]:
    """(ent_v, products, why) of each event, in order."""
    return [
        (data["ent_v"], {product["key"] for product in data["products"]}, data["reason"])
        for verb, data in await life.said(tenant_id)
        if verb == "entitlements.changed"
    ]


async def test_a_grant_ends_by_itself_and_everybody_hears(life: Life) -> None:
    tenant_id, heard = await active(life), Heard()
    await grant(life, tenant_id, "ai_console", 10)
    assert await planned(life, tenant_id) == [(10, "the grant of ai_console ends")]
    before = await ent_v(life, tenant_id)
    life.clock.advance(9.99 * DAY)
    assert await life.run_due() == 0
    life.clock.advance(3 * DAY)
    assert await life.run_due() == 1
    assert (await changes(life, tenant_id))[-1] == (before + 1, {"notetaker"}, "the grant of ai_console ends")
    assert await life.done(tenant_id) == [(10, "expire_entitlement")]
    pusher = ClaimsPusher(life.database, heard, life.clock, every=1)  # type: ignore[arg-type]  # all it needs
    await pusher.push_due()
    assert (heard.attributes["products"], heard.attributes["ent_v"]) == (["notetaker"], [str(before + 1)])
    assert await planned(life, tenant_id) == []
    assert await life.run_due() == 0
    assert await ent_v(life, tenant_id) == before + 1


async def test_nothing_can_be_made_for_a_product_whose_grant_has_ended(life: Life) -> None:
    tenant_id = await active(life)
    await grant(life, tenant_id, "ai_console", 10)
    async with life.database.transaction(tenant_id) as tx:
        await require_product(tx, tenant_id, "ai_console", life.clock.now())
        with pytest.raises(ProductUnknown):
            await require_product(tx, tenant_id, "ai_console", life.clock.now() + 10 * DAY)


@pytest.mark.parametrize(
    ("days", "enabled", "left"),
    [(20, True, [(21, "the grant of ai_console ends")]), (None, True, []), (None, False, []), (-1, True, [])],
)
async def test_a_grant_that_is_changed_ends_when_the_change_says(
    life: Life, days: float | None, enabled: bool, left: list[tuple[float, str]]
) -> None:
    tenant_id = await active(life)
    await grant(life, tenant_id, "ai_console", 10)
    life.clock.advance(DAY)
    await grant(life, tenant_id, "ai_console", days, enabled=enabled)
    assert await planned(life, tenant_id) == left
    life.clock.advance(12 * DAY)
    assert await life.run_due() == 0


async def test_what_is_bought_no_longer_ends_and_other_favours_still_do(life: Life) -> None:
    tenant_id = await active(life)
    for product in ("ai_console", "compliance_suite"):
        await grant(life, tenant_id, product, 10)
    await life.buy(
        tenant_id, Trigger.SALES_ORDER, Purchase("enterprise", ("ai_console",), BEGAN.date(), None)
    )
    assert await planned(life, tenant_id) == [(10, "the grant of compliance_suite ends")]
    life.clock.advance(11 * DAY)
    await life.run_due()
    assert (await changes(life, tenant_id))[-1][1] == {"ai_console"}


async def test_two_grants_that_end_at_the_same_instant_are_two_changes(life: Life) -> None:
    tenant_id = await active(life)
    for product in ("ai_console", "compliance_suite"):
        await grant(life, tenant_id, product, 10)
    life.clock.advance(40 * DAY)
    assert await life.run_due() == 2
    [*_, first, second] = await changes(life, tenant_id)
    assert (second[0] - first[0], second[1]) == (1, {"notetaker"})


async def test_a_late_scheduler_tells_each_end_as_it_was_at_its_time(life: Life) -> None:
    tenant_id = await active(life)
    await grant(life, tenant_id, "ai_console", 10)
    await grant(life, tenant_id, "compliance_suite", 20)
    life.clock.advance(40 * DAY)
    assert await life.run_due() == 2
    assert [told[1] for told in (await changes(life, tenant_id))[-2:]] == [
        {"notetaker", "compliance_suite"},
        {"notetaker"},
    ]


async def test_a_request_never_overtakes_the_end_of_a_grant(life: Life) -> None:
    """The scheduler slept; an operator grants it anew: it ended, and then it was given again."""
    tenant_id = await active(life)
    await grant(life, tenant_id, "ai_console", 10)
    life.clock.advance(12 * DAY)
    await grant(life, tenant_id, "ai_console", 10)
    [*_, ended, given] = await changes(life, tenant_id)
    assert (ended[1], given[1]) == ({"notetaker"}, {"notetaker", "ai_console"})
    assert given[0] == ended[0] + 1
    assert await life.run_due() == 0
    assert await planned(life, tenant_id) == [(22, "the grant of ai_console ends")]


async def test_the_end_of_a_trial_tells_that_nothing_is_left(life: Life) -> None:
    tenant_id = await life.new_trial()
    life.clock.advance(14 * DAY)
    await life.run_due()
    told = await life.said(tenant_id)
    assert [verb for verb, _ in told][-2:] == ["tenant.frozen", "entitlements.changed"]
    assert (told[-1][1]["products"], told[-1][1]["ent_v"]) == ([], await ent_v(life, tenant_id))


async def test_a_process_that_dies_in_the_middle_has_ended_nothing(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await active(life)
    await grant(life, tenant_id, "ai_console", 10)
    before, said = await ent_v(life, tenant_id), len(await changes(life, tenant_id))
    life.clock.advance(10 * DAY)

    async def cut(*_: object) -> None:
        raise Transient("the line is cut")

    monkeypatch.setattr(outbox, "add_all", cut)
    with pytest.raises(Transient):
        await life.scheduler().run_due()
    assert (await ent_v(life, tenant_id), len(await changes(life, tenant_id))) == (before, said)
    monkeypatch.undo()
    assert await life.run_due() == 1
    assert (await ent_v(life, tenant_id), len(await changes(life, tenant_id))) == (before + 1, said + 1)


async def test_an_archived_tenant_has_nothing_left_to_end(life: Life) -> None:
    tenant_id = await life.new_trial()
    await grant(life, tenant_id, "ai_console", 60)
    life.clock.advance(50 * DAY)
    await life.run_due()
    assert [cause for _, cause in await planned(life, tenant_id)] == ["day 30 of archived"]
