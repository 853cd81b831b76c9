"""Kill -9 of the sequencer, the database and the broker while it takes in what it can: no leaf missing, none twice, every
head consistent with every earlier one.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from services.audit.records.record import LEDGER
from tenantry import log_verifier
from tests.chaos.audit_world import AuditWorld
from tests.chaos.test_chaos import run_plan
from tests.infra import Databases, TestNats, TestPostgres, eventually
from tests.integration.audit.stage import SIGNER

CATCH_UP_SECONDS = 60.0
COMMITTED = "select event_id from registry.outbox where subject not like '%heartbeat%'"
LEAVES = """
select leaf_index, record_id, entry, leaf_hash, received_at from audit.audit_event
where tenant_id = $1 order by leaf_index
"""
LEAST = 3_000


@pytest.fixture
async def world(
    postgres: TestPostgres, databases: Databases, nats_server: TestNats, tmp_path: Path
) -> AsyncIterator[AuditWorld]:
    world = AuditWorld(postgres, databases, nats_server, tmp_path, Random(1))  # noqa: S311 - no secret, but repeatable
    for name in ("relay-1", "sequencer-1", "sequencer-2"):
        world.start(name)
    yield world
    await world.end()


async def ids(world: AuditWorld, sql: str) -> list[Any]:
    async def read(connection: asyncpg.Connection) -> list[Any]:
        return [row[0] for row in await connection.fetch(sql)]

    found: list[Any] = await world.look(read)
    return found


async def survive(world: AuditWorld, plan: list[tuple[float, Any]]) -> None:
    """Write during the plan and until there is enough, then wait until the log holds all of it."""
    writing = asyncio.create_task(world.write())
    await run_plan(plan)
    while len(committed := await ids(world, COMMITTED)) < LEAST:
        await asyncio.sleep(0.5)
    world.is_writing = False
    await writing
    committed = await ids(world, COMMITTED)
    recorded: list[Any] = []

    async def is_whole() -> bool:
        sql = "select record_id from audit.audit_event where source = '/tenantry/registry'"
        recorded[:] = await ids(world, sql)
        return len(recorded) >= len(committed)

    await eventually(is_whole, CATCH_UP_SECONDS, what=f"{len(committed)} leaves")
    assert len(recorded) == len(set(recorded)), "a leaf is there twice"
    assert set(recorded) == set(committed)
    await eventually(lambda: all_is_signed(world), CATCH_UP_SECONDS, what="the last signatures")
    assert world.fallen() == {}
    await world.look(check_every_tree)
    dead = await ids(world, "select id from audit.dead_letter")
    assert dead == []


async def all_is_signed(world: AuditWorld) -> bool:
    return not await ids(
        world,
        "select 1 from audit.tree_head h where size > 0 and not exists"
        " (select 1 from audit.checkpoint c where c.tenant_id = h.tenant_id and c.size = h.size)",
    )


async def check_every_tree(connection: asyncpg.Connection) -> None:
    trees = [row["tenant_id"] for row in await connection.fetch("select tenant_id from audit.tree_head")]
    assert LEDGER in trees
    for tree in trees:
        rows = await connection.fetch(LEAVES, tree)
        assert [row["leaf_index"] for row in rows] == list(range(len(rows)))
        hashes = [log_verifier.leaf_hash(bytes(row["entry"])) for row in rows]
        assert [bytes(row["leaf_hash"]) for row in rows] == hashes
        times = [row["received_at"] for row in rows]
        assert times == sorted(times)
        notes = await connection.fetch("select note from audit.checkpoint where tenant_id = $1", tree)
        for note in notes:
            head = log_verifier.open_note(note["note"], SIGNER.verifier_key())
            assert head.root == log_verifier.root_of(hashes[: head.size]), f"{head.origin} at {head.size}"
        assert len(notes) > 0


@pytest.mark.long
async def test_kills_of_sequencer_database_and_broker_lose_no_leaf_and_double_none(world: AuditWorld) -> None:
    def active() -> str:
        """Both are killed in turn; whichever leads, it dies at full ingest."""
        return "sequencer-1" if world.random.random() < 0.5 else "sequencer-2"

    await survive(
        world,
        [
            (2.0, lambda: world.kill("sequencer-1")),
            (3.0, lambda: world.kill("sequencer-2")),
            (4.0, world.kill_nats),
            (5.0, lambda: world.kill(active())),
            (6.0, world.kill_postgres),
            (7.5, lambda: world.kill("sequencer-1")),
            (8.0, lambda: world.kill("sequencer-2")),
            (9.0, world.kill_nats),
            (9.5, world.kill_postgres),
        ],
    )


@pytest.mark.long
async def test_of_two_sequencers_one_appends_and_the_other_takes_over(world: AuditWorld) -> None:
    async def log_of(name: str) -> str:
        path = world.logs / f"{name}.log"
        return path.read_text("utf-8") if path.exists() else ""

    def leads(text: str) -> bool:
        return any("inbox.leading" in line and "REGISTRY" in line for line in text.splitlines())

    async def leaders() -> list[str]:
        return [name for name in ("sequencer-1", "sequencer-2") if leads(await log_of(name))]

    async def one_leads() -> bool:
        return len(await leaders()) == 1

    await eventually(one_leads, 30, what="a leader")
    [first] = await leaders()
    writing = asyncio.create_task(world.write())

    async def is_recorded() -> bool:
        return len(await ids(world, "select 1 from audit.audit_event limit 200")) == 200

    await eventually(is_recorded, 30, what="the first leaves")
    assert await leaders() == [first]
    world.actors[first].kill()

    async def other_leads() -> bool:
        return len(await leaders()) == 2

    await eventually(other_leads, 30, what="the other to take over")
    await writing_stops(world, writing)


async def writing_stops(world: AuditWorld, writing: "asyncio.Task[None]") -> None:
    world.is_writing = False
    await writing
    committed = set(await ids(world, COMMITTED))

    async def is_whole() -> bool:
        sql = "select record_id from audit.audit_event where source = '/tenantry/registry'"
        recorded = await ids(world, sql)
        return len(recorded) == len(set(recorded)) and set(recorded) == committed

    await eventually(is_whole, CATCH_UP_SECONDS, what="every leaf, once")
