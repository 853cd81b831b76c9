"""Dead letters from the command line, on a stack that is up: a replay has the effect that was missing."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.ids import uuid7_day
from tenantry.commands import running
from tenantry.demo.world import World
from tenantry.stack.stack import Stack
from tests.infra import eventually
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("stack")]
CREATED = "registry.tenant.created.v1"
BURY = """
insert into sync.dead_letter
    (id, event_day, state, consumer, stream, type, tenant_id, headers, data, reason, error, stack, failures, dead_at)
values ($1, $2, 'dead', 'sync-inbox', 'REGISTRY', $3, $4, $5, $6, 'permanent', 'ValueError: no', '', 1, $7)
"""


@pytest.fixture
async def database(live_stack: Path) -> AsyncIterator[asyncpg.Connection]:
    async with running.database(Stack(live_stack)) as connection:
        yield connection


async def buried(shell: Shell, folder: Path, database: asyncpg.Connection) -> tuple[UUID, UUID]:
    """(letter, tenant): sync has claimed that the tenant was created, and knows nothing of it."""
    world = World(Stack(folder))
    try:
        tenant_id = UUID((await world.new_tenant("en")).tenant_id)
    finally:
        await world.close()
    await eventually(lambda: knows(database, tenant_id), what="that sync hears of the tenant")
    told = shell.run("events", "tail", "registry", "--all", "--no-follow", "--json").stdout.splitlines()
    message = next(
        found
        for found in map(json.loads, told)
        if (found["headers"]["ce-type"], found["headers"]["ce-tenantid"]) == (CREATED, str(tenant_id))
    )
    letter = UUID(message["headers"]["ce-id"])
    data = json.dumps(message["data"]).encode()
    await database.execute("delete from sync.directory where tenant_id = $1", tenant_id)
    headers, now = json.dumps(message["headers"]), datetime.now(UTC)
    await database.execute(BURY, letter, uuid7_day(letter), CREATED, tenant_id, headers, data, now)
    return letter, tenant_id


async def knows(database: asyncpg.Connection, tenant_id: UUID) -> bool:
    found = await database.fetchval("select status from sync.directory where tenant_id = $1", tenant_id)
    return bool(found == "trial")


async def state_of(database: asyncpg.Connection, letter: UUID) -> Any:
    return await database.fetchval("select state from sync.dead_letter where id = $1", letter)


async def test_a_replayed_letter_has_its_effect(
    shell: Shell, live_stack: Path, database: asyncpg.Connection
) -> None:
    letter, tenant_id = await buried(shell, live_stack, database)
    [listed] = shell.json("dead-letters", "list", "sync")
    assert (listed["id"], listed["state"], listed["error"]) == (str(letter), "dead", "ValueError: no")
    shown = json.loads(shell.run("dead-letters", "show", "sync", str(letter)).stdout)
    assert json.loads(shown["data"])["tenant_id"] == str(tenant_id)
    assert shell.run("dead-letters", "replay", "sync", str(letter)).returncode == 0

    async def is_replayed() -> bool:
        return bool(await state_of(database, letter) == "replayed")

    await eventually(is_replayed, what="the replay")
    assert await knows(database, tenant_id)
    assert "waits for a decision" in shell.refused("dead-letters", "replay", "sync", str(letter))
    assert str(letter) in {row["id"] for row in shell.json("dead-letters", "list", "sync", "--all")}


async def test_a_discarded_letter_stays_and_has_no_effect(
    shell: Shell, live_stack: Path, database: asyncpg.Connection
) -> None:
    letter, tenant_id = await buried(shell, live_stack, database)
    assert shell.run("dead-letters", "discard", "sync", str(letter), answers="n\n").returncode == 1
    assert await state_of(database, letter) == "dead"
    assert shell.run("dead-letters", "discard", "sync", str(letter), "--yes").returncode == 0
    assert await state_of(database, letter) == "discarded"
    assert "waits for a decision" in shell.refused("dead-letters", "replay", "sync", str(letter))
    assert not await knows(database, tenant_id)


def test_what_is_not_there_is_named(shell: Shell) -> None:
    nothing = str(uuid4())
    assert f"sync has no dead letter {nothing}" in shell.refused("dead-letters", "show", "sync", nothing)
    assert "there is no service 'nobody'" in shell.refused("dead-letters", "list", "nobody")
