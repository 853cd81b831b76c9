"""Faults of all kinds over a real relay, NATS, PostgreSQL and consumer processes: nothing lost, nothing twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from contracts.registry import TenantTrialStartedV1
from tests.chaos.world import COUNTER, World
from tests.infra import Databases, TestNats, TestPostgres, eventually
from tests.integration.chassis.stage import set_stage

SHORT_SECONDS = 18
SOAK_ROUNDS = 12
CATCH_UP_SECONDS = 40.0

COMMITTED = "select event_id from registry.outbox where subject = $1"
TWICE = "select event_id from audit.effect group by event_id having count(*) > 1"
NUMBERED_TWICE = """
select event_id, count(*) from registry.outbox o
join registry.outbox_sequence s on (s.outbox_day, s.outbox_id) = (o.created_day, o.id)
group by event_id, s.epoch having count(*) > 1
"""
BEHIND = """
select c.tenant_id from registry.counter c
left join audit.newest n on n.subject = 'tenant/' || c.tenant_id
where n.version is distinct from c.version
"""
HOLES = """
select source, epoch, int8multirange(int8range(1, upper(seen))) - seen as holes, lost from audit.source_progress
where int8multirange(int8range(1, upper(seen))) <> seen or not isempty(lost)
"""


@dataclass(frozen=True)
class Found:
    """What is in both databases at one moment."""

    committed: set[Any]
    applied: set[Any]
    wrong: dict[str, list[Any]]


@pytest.fixture
async def world(
    postgres: TestPostgres, databases: Databases, nats_server: TestNats, tmp_path: Path
) -> AsyncIterator[World]:
    admin = await asyncpg.connect(databases.dsns("registry").admin_dsn)
    await set_stage(await databases.open("audit"), admin)
    await admin.execute(COUNTER)
    await admin.close()
    world = World(postgres, databases, nats_server, tmp_path, Random(1))  # noqa: S311 - no secret, but repeatable
    await world.shorten_ack_wait()
    for name in ("relay-1", "relay-2", "consumer-1", "batch-consumer-1"):
        world.start(name)
    yield world
    await world.end()


async def look(world: World) -> Found:
    async def read(connection: asyncpg.Connection) -> Found:
        subject = TenantTrialStartedV1.type
        wrong = {
            "applied twice": await connection.fetch(TWICE),
            "numbered twice in one epoch": await connection.fetch(NUMBERED_TWICE),
            "aggregates behind": await connection.fetch(BEHIND),
            "holes": await connection.fetch(HOLES),
            "dead letters": await connection.fetch("select id, error from audit.dead_letter"),
        }
        return Found(
            {row["event_id"] for row in await connection.fetch(COMMITTED, subject)},
            {row["event_id"] for row in await connection.fetch("select event_id from audit.effect")},
            {name: rows for name, rows in wrong.items() if rows},
        )

    found: Found = await world.look(read)
    return found


async def run_plan(plan: list[tuple[float, Any]]) -> None:
    """(second, fault) in order; a fault that takes long delays the next."""
    started = asyncio.get_running_loop().time()
    for at, fault in plan:
        await asyncio.sleep(max(0.0, started + at - asyncio.get_running_loop().time()))
        outcome = fault()
        if isinstance(outcome, Awaitable):
            await outcome


def faults(world: World, offset: float = 0.0) -> list[tuple[float, Any]]:
    """One of each kind within `SHORT_SECONDS`, each while the one before still hurts."""
    plan = [
        (2.0, lambda: world.kill("relay-1")),
        (3.0, lambda: world.kill("consumer-1")),
        (4.0, world.kill_nats),
        (5.5, lambda: world.kill("batch-consumer-1")),
        (6.0, lambda: world.pause("relay-2", 1.0)),
        (8.0, world.kill_postgres),
        (10.0, lambda: world.pause("consumer-1", 2.5)),
        (13.0, world.lose_durable),
        (14.0, world.lose_jetstream),
        (15.5, lambda: world.kill("relay-2")),
        (16.0, lambda: world.kill("consumer-1")),
        (17.0, world.kill_nats),
    ]
    return [(offset + at, fault) for at, fault in plan]


async def survive(world: World, plan: list[tuple[float, Any]], least: int) -> None:
    """Write during the plan, and on until there are `least` events; then wait until all is quiet and whole."""
    writing = asyncio.create_task(world.write())
    await run_plan(plan)
    found = await look(world)
    while len(found.committed) < least:  # a busy machine takes longer
        await asyncio.sleep(1)
        found = await look(world)
    world.is_writing = False
    await writing

    async def is_whole() -> bool:
        nonlocal found
        found = await look(world)
        return found.committed == found.applied and not found.wrong

    try:
        await eventually(is_whole, CATCH_UP_SECONDS)
    except AssertionError:
        missing, ghosts = found.committed - found.applied, found.applied - found.committed
        pytest.fail(
            f"{len(missing)} lost, {len(ghosts)} from nowhere, of {len(found.committed)}; {found.wrong}"
        )


async def test_faults_of_all_kinds_lose_nothing_and_double_nothing(world: World) -> None:
    await survive(world, faults(world), 1_000)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_ROUNDS * SHORT_SECONDS * 3)
async def test_the_same_for_minutes_on_end(world: World) -> None:
    plan = [fault for round_ in range(SOAK_ROUNDS) for fault in faults(world, round_ * SHORT_SECONDS)]
    await survive(world, plan, 1_000 * SOAK_ROUNDS)
