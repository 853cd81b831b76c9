"""Answers from memory: only while nothing can have been missed, and gone everywhere when its event comes."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from chassis.bus import Bus
from services.registry.catalogue import operations as catalogue
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as products
from services.registry.tenants.model import Purchase, Trigger
from tests.cut_line import CutLine
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.registry.key_stage import VERIFY, KeyStage, Process
from tests.integration.registry.life import BEGAN

SOON = 15.0
"""Of a memory of 30 s: only an event can be so soon, and a busy machine has its time."""


async def status_of(stage: KeyStage, process: Process, key: str) -> int:
    answer = await process.http.post(VERIFY, json={"key": key}, headers=stage.product())
    return answer.status_code


async def test_memory_answers_without_the_database_and_only_while_the_bus_is_heard(
    stage: KeyStage, service_dsns: Callable[[str], ServiceDsns], nats_server: TestNats
) -> None:
    async with CutLine("registry", service_dsns("registry")) as line:
        process = await stage.start(database=line.database)
        key = (await stage.issue(process, await stage.life.new_trial()))["key"]
        assert await stage.code(process, key) == "VALID"
        await line.cut()
        assert await stage.code(process, key) == "VALID", "from memory"
        assert await stage.code(process, key[:-1] + "-") == "INVALID_FORMAT", "a broken key asks nobody"
        nats_server.kill()
        await eventually(lambda: not process.news.is_live, SOON, "silence after the cut")
        assert await status_of(stage, process, key) == 503, "neither memory nor the database may answer"
        await line.mend()
        assert await stage.code(process, key) == "VALID", "the database answers while the bus is down"
        assert len(process.keys.memory) <= 1
        await line.cut()
        assert await status_of(stage, process, key) == 503, "and what it answered is not remembered"
        await line.mend()
        generation = process.news.generation
        await nats_server.start()
        await eventually(lambda: process.news.is_live, what="a live subscription again")
        assert process.news.generation == generation + 1
        assert await stage.code(process, key) == "VALID"
        await line.cut()
        assert await stage.code(process, key) == "VALID", "from memory again"


async def refused_by_an_event(
    stage: KeyStage, process: Process, key: str, code: str, by: str = "ai_console"
) -> float:
    """How long it took until the process said so."""
    began = time.monotonic()

    async def is_refused() -> bool:
        return await stage.code(process, key, by) == code

    await eventually(is_refused, SOON, f"{code} in another process")
    return time.monotonic() - began


async def test_a_revoked_key_is_refused_by_another_process_by_its_event(stage: KeyStage) -> None:
    writing, other = await stage.start(relays=True), await stage.start()
    tenant_id = await stage.life.new_trial()
    for _ in range(5):
        key = await stage.issue(writing, tenant_id)
        assert await stage.code(other, key["key"]) == "VALID"
        await stage.revoke(writing, key)
        await refused_by_an_event(stage, other, key["key"], "REVOKED")
        await refused_by_an_event(stage, writing, key["key"], "REVOKED")


async def test_moves_of_a_tenant_and_its_entitlements_reach_another_process_by_their_events(
    stage: KeyStage,
) -> None:
    writing, other = await stage.start(relays=True), await stage.start()
    tenant_id, bystander = await stage.life.new_trial(), await stage.life.new_trial()
    key = (await stage.issue(writing, tenant_id, product="notetaker"))["key"]
    untouched = (await stage.issue(writing, bystander))["key"]

    async def both_are_remembered() -> bool:  # once the news of their making is through
        assert await stage.code(other, key, "notetaker") == "VALID"
        assert await stage.code(other, untouched) == "VALID"
        return len(other.keys.memory) == 2

    await eventually(both_are_remembered)
    bought = Purchase("starter", ("ai_console",), BEGAN.date(), None)
    await stage.life.buy(tenant_id, Trigger.PAYMENT, bought)
    await refused_by_an_event(stage, other, key, "WRONG_PRODUCT", "notetaker")
    bought = replace(bought, products=("notetaker",))
    await stage.life.buy(tenant_id, Trigger.PAYMENT, bought)
    await refused_by_an_event(stage, other, key, "VALID", "notetaker")
    await stage.life.freeze(tenant_id)
    await refused_by_an_event(stage, other, key, "TENANT_FROZEN", "notetaker")
    assert await stage.code(other, untouched) == "VALID"


async def test_keys_of_a_retired_product_end_in_every_process_and_count_again_when_it_is_published_again(
    stage: KeyStage,
) -> None:
    writing, other = await stage.start(relays=True), await stage.start()
    tenant_id = await stage.life.new_trial()
    key, beside = [
        (await stage.issue(writing, tenant_id, product=product))["key"]
        for product in ("notetaker", "ai_console")
    ]

    async def both_are_remembered() -> bool:
        assert await stage.code(other, key, "notetaker") == "VALID"
        assert await stage.code(other, beside) == "VALID"
        return len(other.keys.memory) == 2

    await eventually(both_are_remembered)
    async with stage.life.database.transaction(None) as tx:
        manifest = manifest_of(await products.lock_product(tx, key="notetaker"))
        await catalogue.retire(tx, "notetaker")
    for process in (other, await stage.start()):
        await refused_by_an_event(stage, process, key, "WRONG_PRODUCT", "notetaker")
    assert await stage.code(other, beside) == "VALID"
    await stage.issue(writing, tenant_id, 422, product="notetaker")
    major = int(manifest.version.partition(".")[0])
    async with stage.life.database.transaction(None) as tx:
        newer = manifest.model_copy(update={"version": f"{major + 1}.0.0"})
        await catalogue.offer(tx, newer, stage.clock.now())
    await refused_by_an_event(stage, other, key, "VALID", "notetaker")


async def test_a_rotation_shortens_what_another_process_remembers(stage: KeyStage) -> None:
    writing, other = await stage.start(relays=True), await stage.start()
    key = await stage.issue(writing, await stage.life.new_trial())
    assert await stage.code(other, key["key"]) == "VALID"
    await stage.rotate(writing, key, overlap_hours=0)
    await refused_by_an_event(stage, other, key["key"], "EXPIRED")


async def test_a_lost_consumer_is_noticed_and_made_again(
    stage: KeyStage, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    process = await stage.start()
    key = (await stage.issue(process, await stage.life.new_trial()))["key"]
    assert await stage.code(process, key) == "VALID"
    ops = await bus("ops")
    [info] = [found for found in await ops.js.consumers_info("REGISTRY") if not found.config.durable_name]
    await ops.js.delete_consumer("REGISTRY", info.name)
    await eventually(lambda: not process.news.is_live, what="silence")
    await eventually(lambda: process.news.generation == 2 and process.news.is_live, what="another consumer")
    assert len(process.keys.memory) == 1
    assert await stage.code(process, key) == "VALID"
    assert (
        len([info for info in await ops.js.consumers_info("REGISTRY") if not info.config.durable_name]) == 1
    )
