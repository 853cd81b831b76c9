"""The live stream over three bff processes and three nats-servers: each desktop gets its own, once, in order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from chassis.outgoing import http_client
from tests.continuity.cluster import Cluster
from tests.continuity.verdict import judge
from tests.continuity.world import World
from tests.infra import Databases
from tests.integration.bff.stage import Issuer, Stage, nowhere

ENOUGH = 1_000_000
QUIET_SECONDS = 600
ROUNDS = 5


@pytest.fixture
async def world(databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    cluster = Cluster(tmp_path / "nats")
    await cluster.start()
    dsns = [databases.dsns(name) for name in ("bff", "registry")]
    stage = Stage(cluster, dsns[0], Issuer(tmp_path / "issuer"), tmp_path, nowhere(), dsns[1])
    await stage.start_issuer()
    await stage.say_settings()
    async with http_client(timeout=20.0) as http:
        found = World(cluster, stage, databases, http, tmp_path, Random(4))  # noqa: S311 - no secret, but repeatable
        yield found
        await found.end()


async def survive(world: World, rounds: int, events: int, pause: float, deliveries: int) -> str:
    """Faults while desktops come and go and sources write; then quiet, and the verdict, in words."""
    async with asyncio.TaskGroup() as living:
        for desktop in world.desktops:
            living.create_task(desktop.live())
        writing = living.create_task(world.write(events, pause, deliveries))
        for _ in range(rounds):
            await one_of_each(world)
        await writing
        await world.drained(QUIET_SECONDS)
        for desktop in world.desktops:
            desktop.is_living = False
    restless = world.tally.deliveries
    await asyncio.wait_for(world.settle(), QUIET_SECONDS)
    return f"{restless:>12,} deliveries before all was quiet\n{await verdict(world)}"


async def one_of_each(world: World) -> None:
    """Never two servers at once: what most of them have is what must last."""
    faults = [world.stall_follower, world.kill_leader, world.rebuild_feed, world.kill_follower]
    for fault in world.random.sample(faults, len(faults)):
        await fault()
        await asyncio.sleep(2)
    await world.kill_bff()


async def verdict(world: World) -> str:
    said, logs, written = await world.truth()
    found = judge(said, logs)
    assert {row.id for row in said} == written
    assert len(said) == len(written)
    wrong = [*world.tally.wrong, *found.wrong]
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:20])
    assert found.judged == world.tally.deliveries
    seen, tally = world.tally.seen, world.tally
    told = {
        "events": len(said),
        "desktops": len(logs),
        "deliveries": tally.deliveries,
        "connections": tally.connections,
        "epochs": len(found.offsets),
        "cuts within an event": tally.cut_at.total(),
        "bytes of it at which": len(tally.cut_at),
        **Counter(world.faults),
        **seen,
    }
    return "\n".join(f"{number:>12,} {name}" for name, number in told.items())


@pytest.mark.timeout(900)
async def test_each_desktop_hears_its_own_once_and_in_order_whatever_fails(world: World) -> None:
    await world.begin(desks_per_tenant=20)
    print(await survive(world, rounds=1, events=3_600, pause=0.05, deliveries=15_000))  # noqa: T201  # shown where it fails
    assert world.tally.seen["resets"] > 0
    assert world.tally.deliveries > 15_000


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_the_same_over_a_million_deliveries(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.records_at_once = 60
    await world.begin(desks_per_tenant=100)
    told = await survive(world, rounds=ROUNDS, events=24_000, pause=0.5, deliveries=ENOUGH)
    with capsys.disabled():
        print(f"\n{told}")  # noqa: T201  # the figures of the run
    assert world.tally.deliveries > ENOUGH
    assert set(range(world.tally.frame_bytes // 2)) <= set(world.tally.cut_at)
