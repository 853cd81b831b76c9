"""Any sequence of orders, timers, cancellations, holds and crashes ends where the same causes in order would.

The scheduler runs when it likes and dies when it likes; the reference is one story told in order in memory.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.clock import ManualClock
from chassis.db import Database, Tx
from chassis.errors import DomainError
from contracts.registry import (
    TenantActivatedV1,
    TenantArchivedV1,
    TenantDeletedV1,
    TenantFrozenV1,
    TenantPlanChangedV1,
    TenantReactivatedV1,
    TenantTrialExpiringV1,
)
from services.registry.entitlements import operations as entitlements
from services.registry.errors import AlreadyHeld, IllegalTransition, NotHeld, TenantNotFound
from services.registry.orders import operations as orders
from services.registry.orders.erp import OrderItem, SalesOrder
from services.registry.tenants import lifecycle, store
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Purchase, Story, Trigger, plan_of
from tests.infra import TestPostgres
from tests.integration.registry.life import BEGAN, DAY, LADDER, Life

CONTRACT_DAYS = 40
OPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 35)),
    st.tuples(st.sampled_from(["tick", "die in a tick", "order", "die in an order", "withdraw", "reactivate", "release"])),
    st.tuples(st.just("cancel"), st.sampled_from(["now", "period_end"])),
    st.tuples(st.just("freeze"), st.sampled_from([Trigger.NON_PAYMENT, Trigger.CONTRACT_END])),
    st.tuples(st.just("hold"), st.integers(1, 60)),
    st.tuples(st.just("grant"), st.sampled_from(["ai_console", "notetaker"]), st.sampled_from([None, -1, 5, 20])),
    st.tuples(st.just("take"), st.sampled_from(["ai_console", "notetaker"])),
)  # fmt: skip


class PowerCutError(Exception):
    """In the middle of a transaction."""


@dataclass
class Pair:
    """The registry and the reference, given the same causes."""

    life: Life
    tenant_id: UUID
    reference: Story
    orders: int = 0
    refusals: list[tuple[str, str]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.life.clock.now()

    async def do(self, op: tuple[Any, ...]) -> None:
        match op:
            case ("wait", days):
                self.life.clock.advance(days * DAY)
            case ("tick",):
                await self.life.scheduler(batch=3).run_due()
            case ("die in a tick",):
                await self.die_in_a_tick()
            case ("order",):
                await self.order()
            case ("die in an order",):
                await self.die_in_an_order()
            case (name, *arguments):
                await self.request(name, *arguments)

    async def die_in_a_tick(self) -> None:
        with contextlib.suppress(PowerCutError):
            async with self.life.database.worker() as tx:
                stories = await store.lock_stories_due(tx, self.now, 3, LADDER)
                for story in stories:
                    story.catch_up(self.now)
                await lifecycle.record(tx, stories, self.now)
                raise PowerCutError

    async def apply_order(self, number: int, *, die: bool = False) -> dict[str, Any]:
        hint = orders.OrderHint.model_validate(
            {"doctype": "Sales Order", "name": f"SO-{self.tenant_id.hex}-{number}", "modified": "2026-03-01 10:00",
             "event": "on_submit", "customer": "any"}
        )  # fmt: skip
        items = [OrderItem(item_code=code, qty=1) for code in ("PLAN-STARTER", "PROD-NOTETAKER")]
        order = SalesOrder(
            name=hint.name, customer="any", docstatus=1, modified=hint.modified, items=items,
            contract_start=self.now.date(), contract_end=self.contract_end(),
        )  # fmt: skip
        async with self.life.database.transaction(self.tenant_id) as tx:
            outcome = await orders.apply(tx, hint, order, self.tenant_id, LADDER, self.now)
            if die:
                raise PowerCutError
            return outcome

    def contract_end(self) -> Any:
        return (self.now + CONTRACT_DAYS * DAY).date()

    async def order(self) -> None:
        """Its webhook arrives three times."""
        self.orders += 1
        purchase = Purchase("starter", ("notetaker",), self.now.date(), self.contract_end())
        expected = self.expect(lambda story: story.trigger(Trigger.SALES_ORDER, self.now, "SO", purchase))
        for repeat in range(3):
            try:
                found = await self.apply_order(self.orders)
            except DomainError as error:
                assert error.code == expected  # noqa: PT017  # which one is the reference's to say
                return
            assert found["outcome"] == ("duplicate" if repeat else "activated")
        assert expected == ""

    async def die_in_an_order(self) -> None:
        with pytest.raises((PowerCutError, DomainError)):
            await self.apply_order(self.orders + 1, die=True)

    async def request(self, name: str, *arguments: Any) -> None:
        now = self.now

        async def change(tx: Tx, story: Story, at: datetime) -> Any:  # noqa: PLR0911  # one for each cause
            slug = story.tenant.slug
            match name:
                case "cancel":
                    return await tenants.cancel(tx, story, arguments[0], "price", slug, at)
                case "freeze":
                    return await tenants.move(tx, story, arguments[0], "notice", at)
                case "hold":
                    return await tenants.hold(tx, story, "lawsuit", arguments[0], 90, at)
                case "release":
                    return await tenants.release(tx, story, at)
                case "withdraw":
                    return await tenants.withdraw(tx, story, at)
                case "grant" | "take":
                    return await entitlements.override(
                        tx, story, arguments[0], enabled=name == "grant", expires_at=self.grant_end(arguments, at),
                        config={}, reason="by hand", now=at,
                    )  # fmt: skip
            return await tenants.move(tx, story, Trigger.REACTIVATION, "operator", at)

        try:
            await self.life.change(self.tenant_id, change)
        except DomainError as error:
            found = error.code
        else:
            found = ""
        assert found == self.expect(lambda story: self.refer(story, name, arguments, now))

    def refer(  # noqa: C901  # one branch for each cause
        self, story: Story, name: str, arguments: tuple[Any, ...], now: datetime
    ) -> None:
        """The same on the reference, in memory."""
        match name:
            case "cancel":
                at = tenants.cancellation_of(story, arguments[0], now)
                if at <= now:
                    story.trigger(Trigger.CANCELLED, now, "price")
                else:
                    story.change(now, "price", cancel_at=at, cancel_reason="price")
            case "freeze":
                story.trigger(arguments[0], now, "notice")
            case "hold":
                if self.is_held and story.tenant.held_until is not None and story.tenant.held_until > now:
                    raise AlreadyHeld("held")
                self.is_held = True
                story.change(now, "lawsuit", held_until=now + timedelta(days=arguments[0]))
            case "release":
                if not self.is_held:
                    raise NotHeld("not held")
                self.is_held = False
                story.change(now, "released", held_until=None)
            case "withdraw":
                if story.tenant.cancel_at is None:
                    raise IllegalTransition("none pending")
                story.change(now, "withdrawn", cancel_at=None, cancel_reason=None)
            case "grant" | "take":
                ends_at = self.grant_end(arguments, now)
                story.end_grant(arguments[0], ends_at if ends_at is not None and ends_at > now else None)
                story.change(now, "by hand", ent_v=story.tenant.ent_v + 1)
            case _:
                story.trigger(Trigger.REACTIVATION, now, "operator")

    def grant_end(self, arguments: tuple[Any, ...], now: datetime) -> datetime | None:
        days = arguments[1] if len(arguments) > 1 else None
        return None if days is None else now + days * DAY

    is_held: bool = False

    def expect(self, change: Any) -> str:
        """What the reference says: the code of its refusal, or nothing."""
        self.reference.catch_up(self.now)
        if self.reference.tenant.status == "deleted":
            return TenantNotFound.code
        try:
            change(self.reference)
        except DomainError as error:
            return error.code
        return ""


async def live(database_of: Any, ops: list[tuple[Any, ...]]) -> None:
    database, admin = await database_of()
    try:
        life = Life(database, admin, ManualClock(BEGAN))
        tenant_id = await life.new_trial()
        async with database.reading(tenant_id) as tx:
            tenant = await store.tenant(tx, tenant_id)
        pair = Pair(life, tenant_id, Story(tenant, plan_of(tenant, LADDER), LADDER))
        for op in ops:
            await pair.do(op)
        await compare(pair)
    finally:
        await database.close()
        await admin.close()


async def compare(pair: Pair) -> None:
    await pair.life.run_due()
    pair.reference.catch_up(pair.now)
    told = [step for step in pair.reference.steps if step.trigger is not None]
    if pair.reference.tenant.status == "deleted":
        assert await pair.life.status(pair.tenant_id) is None
    else:
        async with pair.life.database.reading(pair.tenant_id) as tx:
            assert await store.tenant(tx, pair.tenant_id) == pair.reference.tenant
        assert await pair.life.moves(pair.tenant_id) == [
            ((step.at - BEGAN) / DAY, step.before.status, step.after.status, step.trigger) for step in told
        ]
    if pair.reference.tenant.status != "deleted":
        grown = [
            told["ent_v"]
            for verb, told in await pair.life.said(pair.tenant_id)
            if verb == "entitlements.changed"
        ]
        assert grown == sorted(set(grown)), "each change of what may be used has a number of its own"
        ended = [step for step in pair.reference.steps if step.due is not None and step.due.product]
        done = await pair.life.done(pair.tenant_id)
        assert [day for day, action in done if action == "expire_entitlement"] == [
            (step.at - BEGAN) / DAY for step in ended
        ]
        said = [told for verb, told in await pair.life.said(pair.tenant_id) if verb == "entitlements.changed"]
        assert {step.after.ent_v for step in ended} <= {told["ent_v"] for told in said}
    expected = [
        type(event).__name__
        for step in pair.reference.steps
        for event, _ in lifecycle.events_of(step, LADDER)
    ]
    named = {f"{event.type.removeprefix('registry.').removesuffix('.v1')}": event.__name__ for event in SAID}
    found = [named[verb] for verb in await pair.life.verbs(pair.tenant_id) if verb in named]
    assert found == expected


SAID = (
    TenantActivatedV1,
    TenantArchivedV1,
    TenantDeletedV1,
    TenantFrozenV1,
    TenantPlanChangedV1,
    TenantReactivatedV1,
    TenantTrialExpiringV1,
)


@pytest.fixture
def database_of(postgres: TestPostgres) -> Iterator[Any]:
    """Opens the same database in the loop of each example."""
    name = asyncio.run(postgres.clone())

    async def open_() -> tuple[Database, asyncpg.Connection]:
        dsns = postgres.dsns("registry", name)
        database = Database("registry", dsns.database_url, dsns.worker_database_url)
        return database, await asyncpg.connect(dsns.admin_dsn)

    yield open_
    asyncio.run(postgres.drop(name))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ops=st.lists(OPS, max_size=14))
def test_every_life_ends_as_its_causes_in_order_say(database_of: Any, ops: list[tuple[Any, ...]]) -> None:
    asyncio.run(live(database_of, ops))
