"""The demo tenant: made once, never moved, put back every night exactly once, whoever dies, lies or is away."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from chassis.db import Database
from contracts.capabilities import DEMO_TENANT_ID, NOT_IN_DEMO, capabilities_of
from contracts.claims import Claims
from services.registry.demo import operations as demo
from services.registry.demo.reset import ATTEMPTS, CLAIM
from services.registry.demo.store import queries
from services.registry.errors import DemoResetDue, IllegalTransition, LeaseNotFound
from services.registry.identity import NewMember
from services.registry.members import operations as members
from services.registry.tenants.model import Trigger
from services.registry.tenants.timeline import timeline
from tests.infra import ServiceDsns, eventually
from tests.integration.notifier.outside import Issuer
from tests.integration.notifier.peer import Peer, answering, silence
from tests.integration.registry.demo_stage import GOOD, NIGHT, DemoStage, says
from tests.integration.registry.life import LADDER, Life

BERLIN = "2026-03-02T02:00:00"  # 03:00 there, the first night after the stage's beginning


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    found = Issuer()
    async with found.peer:
        yield found


@pytest.fixture
async def product() -> AsyncIterator[Peer]:
    async with Peer(answer=says()) as peer:
        yield peer


@pytest.fixture
async def stage(life: Life, issuer: Issuer) -> AsyncIterator[DemoStage]:
    found = DemoStage(life, issuer)
    await found.node().ensure()
    yield found
    await found.close()


async def test_it_is_made_once_by_however_many_processes(
    life: Life, issuer: Issuer, database: Callable[[str], Awaitable[Database]]
) -> None:
    stage = DemoStage(life, issuer)
    nodes = [stage.node(await database("registry")) for _ in range(5)]
    await asyncio.gather(*(node.ensure() for node in nodes))
    await nodes[0].ensure()
    row = await life.admin.fetchrow("select * from registry.tenant")
    assert row is not None
    assert (row["tenant_id"], row["slug"], row["kind"], row["status"]) == (
        DEMO_TENANT_ID,
        "demo",
        "demo",
        "active",
    )
    assert (await life.verbs(DEMO_TENANT_ID)).count("tenant.created") == 1
    assert await stage.count("member") == len(stage.people.members) == 5
    assert [data["products"][0]["key"] for data in await stage.said("entitlements.changed")] == ["ai_console"]
    assert (await stage.open())["due_at"].isoformat() == f"{BERLIN}+00:00"


@pytest.mark.parametrize("trigger", [Trigger.PAYMENT, Trigger.SALES_ORDER])
async def test_nobody_buys_for_it_and_nothing_moves_it(stage: DemoStage, trigger: Trigger) -> None:
    with pytest.raises(IllegalTransition):
        await stage.life.buy(DEMO_TENANT_ID, trigger)
    with pytest.raises(IllegalTransition):
        await stage.life.freeze(DEMO_TENANT_ID)
    stage.life.clock.advance(400 * NIGHT)
    assert await stage.life.run_due() == 0
    assert await stage.life.status(DEMO_TENANT_ID) == "active"


def test_nobody_exports_its_log_or_pays_for_it() -> None:
    for role in ("PLATFORM_ADMIN", "SALES_REP"):
        claims = Claims("s", "t", frozenset(), 1, realm_roles=frozenset({role}))
        assert not capabilities_of(claims, DEMO_TENANT_ID) & NOT_IN_DEMO


async def test_in_each_night_of_a_spring_it_is_put_back_exactly_once(stage: DemoStage, product: Peer) -> None:
    """Over the night in which clocks are changed; three nodes look every hour."""
    await stage.product("ai_console", product)
    stage.go_to("2026-03-26T12:00:00")
    nodes = [stage.node() for _ in range(3)]
    await asyncio.gather(*(node.run_due() for node in nodes))
    for _ in range(6 * 24):
        stage.life.clock.advance(timedelta(hours=1))
        await asyncio.gather(*(node.run_due() for node in nodes))
    nights = await stage.nights()
    assert [(row["night"], row["due_at"].hour) for row in nights] == [
        (date(2026, 3, 2), 2),  # the one that was missed, late and once
        (date(2026, 3, 27), 2),
        (date(2026, 3, 28), 2),
        (date(2026, 3, 29), 1),
        (date(2026, 3, 30), 1),
        (date(2026, 3, 31), 1),
        (date(2026, 4, 1), 1),
    ]
    assert all(row["finished_at"] == row["due_at"] for row in nights[1:])
    assert len(product.requests) == len(await stage.said("demo.reset")) == len(nights)
    assert {row["outcome"] for row in nights} == {"done"}


async def test_what_was_made_in_it_is_gone_in_the_morning_and_said_to_be(stage: DemoStage) -> None:
    guest = NewMember("guest@customer.example", "Guest", "en", ["USER"], [], [])
    guest_id = await stage.people.find_or_create_member("o", guest)
    key_id = "00000000-0000-7000-8000-000000000001"
    async with stage.life.database.transaction(DEMO_TENANT_ID) as tx:
        await members.join(tx, DEMO_TENANT_ID, guest_id, guest, stage.life.clock.now())
    await stage.admin.execute(
        "insert into registry.api_key (key_id, tenant_id, name, pepper_id, digest, prefix, last_four, project_id,"
        " product_key, scopes, created_by, created_at) values ($2, $1, 'k', 'p1', sha256('k'), 'tk_live_abcd', 'wxyz',"
        " 'default', 'notetaker', array['read'], 'me', now())",
        DEMO_TENANT_ID, key_id,
    )  # fmt: skip
    await stage.admin.execute(
        "insert into registry.usage_daily values ($1, 'default', 'notetaker', 'minutes', '2026-03-01', 7)",
        DEMO_TENANT_ID,
    )
    await stage.admin.execute(
        "update registry.member set name = 'Renamed', org_roles = '{}' where email like 'finance@%'"
    )
    await stage.admin.execute("delete from registry.tenant_product where product_key = 'notetaker'")
    other = await stage.life.new_trial()
    stage.go_to(BERLIN)
    assert await stage.node().run_due() == "done"
    assert [await stage.count(table) for table in ("member", "api_key", "usage_daily", "tenant_product")] == [
        5,
        0,
        0,
        3,
    ]
    assert "guest@customer.example" not in stage.people.members
    assert (
        await stage.admin.fetchval("select name from registry.member where email like 'finance@%'")
        == "Demo finance"
    )
    assert [data["member_id"] for data in await stage.said("member.deactivated")] == [guest_id]
    assert [data["key_id"] for data in await stage.said("api_key.revoked")] == [key_id]
    assert len((await stage.said("entitlements.changed"))[-1]["products"]) == 3
    assert (
        await stage.admin.fetchval("select count(*) from registry.due_action where tenant_id = $1", other)
        == 3
    )
    rows = await stage.admin.fetch(
        "select row_version from registry.member where tenant_id = $1", DEMO_TENANT_ID
    )
    assert {row["row_version"] for row in rows} == {2}, (
        "who keeps versions of members takes the restored ones in"
    )


async def test_only_in_a_transaction_of_the_demo_tenant_anything_is_erased(stage: DemoStage) -> None:
    other = await stage.life.new_trial()
    with pytest.raises(Exception, match="only the demo tenant is reset"):
        async with stage.life.database.transaction(other) as tx:
            await queries.erase_demo(tx, kept_members=[])


@pytest.mark.parametrize(
    ("lie", "fault"),
    [
        ({"checksum": "b" * 64}, "ai_console: the checksum is another one"),
        ({"counts": {"documents": 11, "users": 3}}, "ai_console: 11 documents, expected 12"),
        ({"counts": {**GOOD["counts"], "guests": 1}}, "ai_console: 1 guests, expected 0"),  # type: ignore[dict-item]
    ],
)
async def test_a_product_that_is_not_as_it_was_pages(
    stage: DemoStage, product: Peer, lie: dict[str, Any], fault: str
) -> None:
    await stage.product("ai_console", product)
    stage.go_to(BERLIN)
    assert await stage.node().run_due() == "done"
    product.answer = says(**lie)
    stage.life.clock.advance(NIGHT)
    assert await stage.node().run_due() == "failed"
    assert [data["faults"] for data in await stage.said("demo.reset_failed")] == [[fault]]
    product.answer = says()
    stage.life.clock.advance(NIGHT)
    assert await stage.node().run_due() == "done", "the next night is another matter"


async def test_a_new_version_of_a_product_restores_what_it_likes(stage: DemoStage, product: Peer) -> None:
    await stage.product("ai_console", product)
    stage.go_to(BERLIN)
    await stage.node().run_due()
    await stage.product("ai_console", product, version="1.1.0")
    product.answer = says(checksum="c" * 64)
    stage.life.clock.advance(NIGHT)
    assert await stage.node().run_due() == "done"


@pytest.mark.parametrize(
    "answer",
    [
        answering(500),
        answering(302, location="http://127.0.0.1:9/"),
        answering(200, b"oops"),
        answering(200, b'{"counts": {"a": -1}, "checksum": "' + b"a" * 64 + b'"}'),
        answering(200, b'{"counts": {}, "checksum": "short"}'),
        answering(200, b" " * 100_000),
        silence,
    ],
)
async def test_a_product_that_is_away_is_asked_again_and_then_the_night_fails(
    stage: DemoStage, product: Peer, answer: Any
) -> None:
    product.answer = answer
    async with Peer(answer=says()) as good:
        await stage.product("ai_console", product)
        await stage.product("notetaker", good)
        stage.go_to(BERLIN)
        for key in ("ai_console", "notetaker"):
            await stage.tokens.token(key)  # not within the time that the product has
        outcomes, node = [], stage.node(seconds=0.5 if answer is silence else 10)
        for _ in range(200):
            outcomes.append(await node.run_due())
            stage.life.clock.advance(timedelta(seconds=30))
        assert [outcome for outcome in outcomes if outcome] == ["failed"]
        assert (len(product.requests), len(good.requests)) == (ATTEMPTS, 1)
    [fault] = (await stage.said("demo.reset_failed"))[0]["faults"]
    assert fault.startswith("ai_console")
    assert await stage.count("member") == 5


async def test_a_product_that_comes_back_in_time_is_waited_for(stage: DemoStage, product: Peer) -> None:
    product.script = [answering(503), answering(503)]
    await stage.product("ai_console", product)
    stage.go_to(BERLIN)
    outcomes = []
    for _ in range(10):
        outcomes.append(await stage.node().run_due())
        stage.life.clock.advance(timedelta(seconds=30))
    assert [outcome for outcome in outcomes if outcome] == ["done"]
    tokens = {request.headers["authorization"] for request in product.requests}
    assert all(token.startswith("Bearer ey") for token in tokens)
    assert {form["audience"][0] for form in stage.issuer.asked} == {"ai_console"}


async def test_rows_that_are_not_as_they_should_be_page(stage: DemoStage) -> None:
    await stage.admin.execute(
        "create function registry.spoil() returns trigger language plpgsql as"
        " $$ begin new.name = 'spoilt'; return new; end $$;"
        "create trigger spoil before insert or update on registry.member for each row execute function registry.spoil()"
    )
    stage.go_to(BERLIN)
    assert await stage.node().run_due() == "failed"
    assert [data["faults"] for data in await stage.said("demo.reset_failed")] == [
        ["registry: the checksum is another one"]
    ]


@pytest.mark.parametrize("moment", ["answered", "restored"])
async def test_after_a_crash_the_next_node_goes_on_and_the_night_is_recorded_once(
    stage: DemoStage,
    product: Peer,
    service_dsns: Callable[[str], ServiceDsns],
    moment: str,
) -> None:
    await stage.product("ai_console", product)
    stage.go_to(BERLIN)
    dsns = service_dsns("registry")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.registry.demo_worker", moment, dsns.database_url,
        dsns.worker_database_url, stage.issuer.url, stage.life.clock.now().isoformat(),
    )  # fmt: skip
    assert await process.wait() == -signal.SIGKILL
    assert (await stage.nights(), await stage.said("demo.reset")) == ([], [])
    assert await stage.node().run_due() is None, "it may still be at it"
    stage.life.clock.advance(CLAIM)
    assert await stage.node().run_due() == "done"
    assert len(product.requests) == 1, "a product that has answered is not asked again"
    assert (len(await stage.nights()), len(await stage.said("demo.reset"))) == (1, 1)


async def test_a_node_that_slept_too_long_records_nothing(stage: DemoStage, product: Peer) -> None:
    await stage.product("ai_console", product)
    stage.go_to(BERLIN)
    woken = asyncio.Event()

    async def slow(request: Any, writer: asyncio.StreamWriter) -> None:
        await woken.wait()
        await says()(request, writer)

    product.script = [slow]
    sleeper = asyncio.create_task(stage.node(seconds=60).run_due())
    await eventually(lambda: bool(product.requests), what="the reset to reach the product")
    stage.life.clock.advance(CLAIM)
    assert await stage.node().run_due() == "done"
    woken.set()
    assert await sleeper is None
    assert len(await stage.nights()) == len(await stage.said("demo.reset")) == 1


async def take(stage: DemoStage, hours: float, who: str = "rep") -> datetime:
    async with stage.life.database.transaction(None) as tx:
        held = await demo.lease(tx, who, timedelta(hours=hours), stage.life.clock.now())
    until: datetime = held["held_until"]
    return until


async def show(stage: DemoStage) -> dict[str, Any]:
    async with stage.life.database.reading(None) as tx:
        return await demo.status(tx, stage.life.clock.now())


async def test_a_lease_holds_the_reset_off_for_four_hours_and_no_longer(stage: DemoStage) -> None:
    stage.go_to("2026-03-02T01:30:00")
    began = stage.life.clock.now()
    assert await take(stage, 1) == began + timedelta(hours=1)
    outcomes = []
    for _ in range(5 * 4):
        stage.life.clock.advance(timedelta(minutes=15))
        outcomes.append(await stage.node().run_due())
        if outcomes[-1] is None and stage.life.clock.now() < began + timedelta(hours=4):
            assert await take(stage, 4, "another rep") == began + timedelta(hours=4)
            assert (await show(stage))["next_reset_at"] == began + timedelta(hours=4)
    [night] = await stage.nights()
    assert night["finished_at"] == began + timedelta(hours=4)
    assert (await show(stage))["last_reset"]["outcome"] == "done"
    assert (await show(stage))["lease"] is None


async def test_an_ended_demo_lets_the_reset_through_and_a_new_one_waits_for_it(stage: DemoStage) -> None:
    stage.go_to("2026-03-02T01:30:00")
    await take(stage, 4)
    stage.go_to(BERLIN)
    assert await stage.node().run_due() is None
    async with stage.life.database.transaction(None) as tx:
        await demo.release(tx, stage.life.clock.now())
    with pytest.raises(DemoResetDue):
        await take(stage, 4)
    assert await stage.node().run_due() == "done"
    await take(stage, 4)
    async with stage.life.database.transaction(None) as tx:
        await demo.release(tx, stage.life.clock.now())
    with pytest.raises(LeaseNotFound):
        async with stage.life.database.transaction(None) as tx:
            await demo.release(tx, stage.life.clock.now())


async def test_a_lease_that_is_being_taken_is_never_overtaken_by_a_claim(stage: DemoStage) -> None:
    stage.go_to("2026-03-02T01:59:00")
    async with stage.life.database.transaction(None) as tx:
        await demo.lease(tx, "rep", timedelta(hours=1), stage.life.clock.now())
        stage.go_to(BERLIN)
        assert await stage.node().run_due() is None
    assert await stage.node().run_due() is None


async def ask(stage: DemoStage) -> None:
    now = stage.life.clock.now()
    async with stage.life.database.transaction(None) as tx:
        await queries.ask_for_reset(tx, night=now.date(), now=now)


async def test_a_reset_that_is_asked_for_comes_at_once_and_the_nights_own_still_comes(
    stage: DemoStage,
) -> None:
    for _ in range(3):
        await ask(stage)
    assert [await stage.node().run_due() for _ in range(2)] == ["done", None]
    await ask(stage)
    assert await stage.node().run_due() == "done"
    stage.go_to(BERLIN)
    assert [await stage.node().run_due() for _ in range(2)] == ["done", None]
    assert [(row["night"].day, row["number"]) for row in await stage.nights()] == [(1, 1), (1, 2), (2, 0)]


async def test_its_timeline_says_when_it_is_put_back(stage: DemoStage) -> None:
    async with stage.life.database.reading(DEMO_TENANT_ID) as tx:
        told = await timeline(tx, DEMO_TENANT_ID, LADDER)
    assert [(step["action"], step["at"].hour) for step in told["future"]] == [("reset_demo", 2)]
