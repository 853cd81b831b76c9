"""Desktops that work offline, lose requests and answers, crash and come back in any order end with the server's data."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.db import Database
from chassis.ids import uuid7
from tests.infra import TestPostgres
from tests.integration.sync.desk import Desk, application
from tests.integration.sync.desktops import ANSWER_LOST, GOOD, REQUEST_LOST, Installation
from tests.integration.sync.issuer import Issuer, serving

DEVICES = 3
KEYS = ["a", "b", "c", "d"]

devices = st.integers(0, DEVICES - 1)
fates = st.lists(st.sampled_from([GOOD, GOOD, REQUEST_LOST, ANSWER_LOST]), max_size=6)
pages = st.integers(1, 5)
fields = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        "done": st.booleans(),
        "room": st.sampled_from(["1", "2"]),
        "colour": st.just("refused"),
    },
)


@dataclass(frozen=True)
class Act:
    """An action made offline."""

    device: int
    key: str
    type: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Online:
    """Some devices at once, each over a line of its own."""

    lines: Sequence[tuple[int, Sequence[str], int]]


@dataclass(frozen=True)
class Crash:
    device: int


puts = st.builds(Act, devices, st.sampled_from(KEYS), st.just("put"), fields)
deletes = st.builds(Act, devices, st.sampled_from(KEYS), st.just("delete"), st.just({}))
onlines = st.builds(
    Online,
    st.lists(st.tuples(devices, fates, pages), min_size=1, max_size=DEVICES, unique_by=lambda it: it[0]),
)
steps = st.lists(st.one_of(puts, puts, deletes, onlines, st.builds(Crash, devices)), min_size=3, max_size=30)


@dataclass
class World:
    """One service for all examples; each example is a tenant of its own."""

    runner: asyncio.Runner
    database: Database
    app: FastAPI
    issuer: Issuer
    folder: Path

    def installations(self) -> list[Installation]:
        token = self.issuer.token()
        tenant_id = uuid7()
        paths = [self.folder / f"{uuid.uuid4().hex}.sqlite" for _ in range(DEVICES)]
        return [
            Installation(self.app, token, Desk(None, tenant_id), path)  # type: ignore[arg-type]  # asks through its line
            for path in paths
        ]


@pytest.fixture(scope="module")
def world(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    async def opened() -> tuple[str, Database]:
        name = await postgres.clone()
        dsns = postgres.dsns("sync", name)
        return name, Database("sync", dsns.database_url, dsns.worker_database_url)

    with asyncio.Runner() as runner, serving() as issuer:
        name, database = runner.run(opened())
        yield World(runner, database, application(database, issuer), issuer, tmp_path_factory.mktemp("desks"))
        runner.run(database.close())
        runner.run(postgres.drop(name))


async def play(installations: list[Installation], step: Act | Online | Crash) -> None:
    match step:
        case Act(device, key, type_, args):
            installations[device].act(key, type_, args)
        case Crash(device):
            installations[device].crash()
        case Online(lines):
            await asyncio.gather(*(installations[device].online(line, page) for device, line, page in lines))


async def on_the_server(world: World, tenant_id: uuid.UUID, query: str) -> list[dict[str, Any]]:
    async with world.database.reading(tenant_id) as tx:
        return [dict(row) for row in await tx.fetch(query)]


async def check(world: World, installations: list[Installation]) -> None:
    tenant_id = installations[0].desk.tenant_id
    records = await on_the_server(world, tenant_id, "select * from record")
    results = await on_the_server(world, tenant_id, "select device_id, mid, result from action_result")
    held = {row["key"]: (row["version"], row["value"]) for row in records if not row["is_deleted"]}
    for installation in installations:
        assert installation.store.records("shift_notes") == held
        assert installation.store.queue_depth() == 0
    told = {
        (installation.desk.device_id, mid): status
        for installation in installations
        for mid, status in installation.store.settled().items()
    }
    assert told == {(row["device_id"], row["mid"]): row["result"]["status"] for row in results}
    accepted = [place for place, status in told.items() if status in {"applied", "conflict"}]
    assert sum(row["version"] for row in records) == len(accepted)
    assert await spoken(world, tenant_id) == sorted(accepted)
    [head] = await on_the_server(world, tenant_id, "select coalesce(max(seq), 0) as seq from scope_counter")
    assert head["seq"] == len(accepted)


async def spoken(world: World, tenant_id: uuid.UUID) -> list[tuple[uuid.UUID, int]]:
    """The actions of which the outbox says that they were applied, as often as it says so."""
    query = """
        select (convert_from(payload, 'UTF8')::jsonb ->> 'device_id')::uuid as device_id,
               (convert_from(payload, 'UTF8')::jsonb ->> 'mid')::int as mid
        from outbox where tenant_id = $1 and subject = 'sync.action.applied.v1' order by 1, 2
    """
    async with world.database.platform_reading() as tx:
        return [(row["device_id"], row["mid"]) for row in await tx.fetch(query, tenant_id)]


async def live(world: World, life: list[Act | Online | Crash]) -> None:
    installations = world.installations()
    for step in life:
        await play(installations, step)
    for _ in range(2):  # all push, then all take in what the others pushed
        for installation in installations:
            assert await installation.online(page=2)
    await check(world, installations)
    for installation in installations:
        await installation.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(life=steps)
def test_all_replicas_end_equal_and_each_action_has_its_effect_once(
    world: World, life: list[Act | Online | Crash]
) -> None:
    world.runner.run(live(world, life))
