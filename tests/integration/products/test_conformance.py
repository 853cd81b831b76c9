"""The conformance check against whole products that behave in every way; one probe at a time; a verdict said once."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from chassis.db import Database
from chassis.errors import Transient
from chassis.ids import uuid7
from chassis.service_tokens import ServiceTokens
from contracts.products import PROBE_TENANT_ID, ResetDone
from services.registry.conformance import operations as conformance
from services.registry.conformance.probe import Finding, Probe, Report
from services.registry.conformance.prober import Prober
from services.registry.errors import ProbeRunning
from services.registry.products.client import Product, ProductClient
from tests.infra import eventually
from tests.integration.bff.stage import nowhere
from tests.integration.products.stage import Running, Town
from tests.integration.registry.life import Life

pytestmark = [pytest.mark.timeout(180), pytest.mark.long]
EVERY = 300.0
SAID = "select payload from registry.outbox where subject = 'registry.product.conformance_changed.v1' order by id"
CONNECT = "update registry.product set manifest = manifest || jsonb_build_object('api_base', $2::text) where key = $1"


async def probe(town: Town, running: Running, *actions: str, seconds: float = 3.0) -> Report:
    return await Probe(town.client(seconds=seconds), running.product, actions).run(15)


DESERVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "well": ("conformant", ()),
    "lie": ("nonconformant", ("erasure.left", "erasure.again")),
    "miscount": ("nonconformant", ("erasure",)),
    "fail": ("unreachable", ("health",)),
    "slow": ("unreachable", ("health",)),
}


async def test_the_verdict_is_what_the_product_deserves(town: Town) -> None:
    running = await town.start_product("ai_console")
    for how, expected in DESERVED.items():
        await town.behave(running, how, 10)
        report = await probe(town, running, "flush_queue", "reset_state")
        assert (report.verdict, report.failed) == expected, (how, report.findings)


async def test_an_action_of_the_manifest_that_the_product_does_not_know_is_found(town: Town) -> None:
    running = await town.start_product("notetaker")
    report = await probe(town, running, "flush_queue", "rotate_keys")
    assert (report.verdict, report.failed) == ("nonconformant", ("action.rotate_keys",))


async def test_a_product_that_answers_for_another_or_is_gone_is_unreachable(town: Town) -> None:
    running = await town.start_product("notetaker")
    wrong = Probe(town.client(), Product("ai_console", running.url), ())
    assert (await wrong.run()).verdict == "unreachable"
    running.process.signal(signal.SIGKILL)
    await running.process.ended()
    assert (await probe(town, running)).verdict == "unreachable"


async def test_a_probe_touches_no_tenant_but_its_own(town: Town, life: Life) -> None:
    running = await town.start_product("notetaker")
    await town.client().reset_demo(running.product)
    before = running.rows("select * from record where tenant_id <> ?", str(PROBE_TENANT_ID))
    assert (await probe(town, running, "flush_queue")).verdict == "conformant"
    assert running.rows("select * from record where tenant_id <> ?", str(PROBE_TENANT_ID)) == before
    assert running.rows("select * from record where tenant_id = ?", str(PROBE_TENANT_ID)) == []


@dataclass
class Watch(ProductClient):
    """Counts how many probes are in a product at once."""

    inside: int = 0
    most: int = 0
    calls: int = 0

    def __init__(self, town: Town) -> None:
        super().__init__(town.tokens("registry"), seconds=5)
        town.clients.append(self)

    async def reset_probe(self, product: Product) -> ResetDone:
        self.inside += 1
        self.calls += 1
        self.most = max(self.most, self.inside)
        try:
            return await super().reset_probe(product)
        finally:
            self.inside -= 1


async def only(admin: asyncpg.Connection, running: Running) -> None:
    """This product alone has an address."""
    await admin.execute(CONNECT, running.key, running.url)


async def verdicts(admin: asyncpg.Connection) -> list[tuple[str | None, str]]:
    """(before, after) of every change that was said."""
    said = [orjson.loads(row["payload"]) for row in await admin.fetch(SAID)]
    return [(one["previous"], one["verdict"]) for one in said]


async def test_a_change_of_the_verdict_is_said_once_and_every_probe_is_kept(town: Town, life: Life) -> None:
    running = await town.start_product("notetaker")
    await only(life.admin, running)
    prober = Prober(life.database, life.clock, town.client(), every=EVERY)
    for how in ("well", "well", "lie", "lie", "fail", "well"):
        await town.behave(running, how)
        assert await prober.run_due()
        assert not await prober.run_due(), "nothing is due twice"
        life.clock.advance(timedelta(seconds=EVERY + 1))
    assert await verdicts(life.admin) == [
        (None, "conformant"),
        ("conformant", "nonconformant"),
        ("nonconformant", "unreachable"),
        ("unreachable", "conformant"),
    ]
    async with life.database.reading(None) as tx:
        shown = await conformance.show(tx, "notetaker", life.clock.now())
    assert [one["verdict"] for one in shown["history"]] == [
        "conformant", "unreachable", "nonconformant", "nonconformant", "conformant", "conformant",
    ]  # fmt: skip
    assert shown["history"][2]["failed"] == ["erasure.left", "erasure.again"]


async def test_a_new_manifest_is_probed_at_once(town: Town, life: Life) -> None:
    running = await town.start_product("notetaker")
    await only(life.admin, running)
    prober = Prober(life.database, life.clock, town.client(), every=EVERY)
    assert await prober.run_due()
    await life.admin.execute("update registry.product set checksum = 'another' where key = 'notetaker'")
    assert await prober.run_due()
    assert not await prober.run_due()


async def test_several_probers_never_probe_a_product_at_once(
    town: Town, life: Life, database: Callable[[str], Awaitable[Database]]
) -> None:
    running = await town.start_product("notetaker")
    await only(life.admin, running)
    watch = Watch(town)
    probers = [Prober(await database("registry"), life.clock, watch, every=EVERY) for _ in range(4)]
    rounds = 5
    for _ in range(rounds):
        assert sorted(await asyncio.gather(*(one.run_due() for one in probers))) == [False] * 3 + [True]
        life.clock.advance(timedelta(seconds=EVERY + 1))
    assert (watch.most, watch.calls) == (1, 2 * rounds)
    assert await life.admin.fetchval("select count(*) from registry.product_conformance_check") == rounds


async def claim(life: Life) -> conformance.Claim:
    async with life.database.transaction(None) as tx:
        return await conformance.claim(tx, "notetaker", uuid7(), life.clock.now())


async def test_who_was_overtaken_stores_nothing(town: Town, life: Life) -> None:
    running = await town.start_product("notetaker")
    await only(life.admin, running)
    slow = await claim(life)
    with pytest.raises(ProbeRunning):
        await claim(life)
    life.clock.advance(conformance.CLAIM)
    quick = await claim(life)
    prober = Prober(life.database, life.clock, town.client(), every=EVERY)
    assert await prober.probe(quick)
    late = Report("nonconformant", (Finding("health", held=True, detail=""),))
    async with life.database.transaction(None) as tx:
        assert not await conformance.conclude(tx, slow, late, life.clock.now(), timedelta(seconds=EVERY))
    assert await verdicts(life.admin) == [(None, "conformant")]


async def test_without_an_issuer_there_is_no_verdict(town: Town, life: Life) -> None:
    running = await town.start_product("notetaker")
    await only(life.admin, running)
    tokens = ServiceTokens(nowhere(), "registry", town.private("registry"))
    client = ProductClient(tokens, seconds=5)
    prober = Prober(life.database, life.clock, client, every=EVERY)
    with pytest.raises(Transient):
        await prober.run_due()
    assert await verdicts(life.admin) == []
    assert not await prober.run_due(), "not again at once"
    life.clock.advance(conformance.RETRY)
    with pytest.raises(Transient):
        await prober.run_due()
    await client.close()


async def asked(town: Town, registry: str, method: str, key: str = "notetaker", **headers: str) -> Any:
    operator = town.signed("PLATFORM_ADMIN") | headers
    return await town.http.request(method, f"{registry}/v1/products/{key}/conformance", headers=operator)


async def test_two_registries_say_a_flip_once_and_an_operator_probes_at_will(
    whole_town: Town, admin: asyncpg.Connection
) -> None:
    town = whole_town
    registries = await asyncio.gather(
        *(town.start_registry(name, PROBE_SECONDS="0.3") for name in ("one", "other"))
    )
    urls = [url for url, _ in registries]
    running = await town.start_product("notetaker")
    await town.connect(urls[0], running)
    for how, expected in (("well", "conformant"), ("lie", "nonconformant"), ("well", "conformant")):
        await town.behave(running, how)
        seen: set[UUID] = set()

        async def is_seen_by_both(expected: str = expected, seen: set[UUID] = seen) -> bool:
            """Several probes with this verdict, wherever it is read."""
            answers = [(await asked(town, url, "GET")).json() for url in urls]
            if any(one["verdict"] != expected for one in answers):
                return False
            seen |= {check["check_id"] for check in answers[0]["history"] if check["verdict"] == expected}
            return len(seen) >= 4

        await eventually(is_seen_by_both, 60, f"four probes that find it {expected}")
    assert await verdicts(admin) == [
        (None, "conformant"), ("conformant", "nonconformant"), ("nonconformant", "conformant"),
    ]  # fmt: skip


async def test_an_operator_probes_once_per_key(whole_town: Town, admin: asyncpg.Connection) -> None:
    town = whole_town
    url, _ = await town.start_registry("one")
    assert (await asked(town, url, "GET")).json()["verdict"] is None
    refused = await asked(town, url, "POST")
    assert (refused.status_code, refused.json()["code"]) == (409, "REGISTRY.PRODUCT_NOT_CONNECTED")
    assert (await asked(town, url, "POST", "no_such")).status_code == 404
    running = await town.start_product("notetaker")
    await town.connect(url, running)

    async def is_probed() -> bool:
        return bool((await asked(town, url, "GET")).json()["verdict"] == "conformant")

    await eventually(is_probed, 30, "the first probe, by itself")
    await town.behave(running, "lie")
    headers = town.signed("PLATFORM_ADMIN", sub="me")

    async def run() -> Any:
        return await town.http.post(f"{url}/v1/products/notetaker/conformance", headers=headers)

    first = await run()
    assert (first.status_code, first.json()["verdict"]) == (200, "nonconformant")
    again = await run()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert await admin.fetchval("select count(*) from registry.product_conformance_check") == 2
