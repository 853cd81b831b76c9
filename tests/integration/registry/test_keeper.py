"""The keeper on real parts: the bucket says what the tables say, whatever is killed, lost or doubled."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from chassis.bucket import Bucket, Overtaken
from chassis.bus import Bus
from chassis.db import Database
from contracts.settings import PREFIX, STREAM, Setting, flag_key, floor_key
from services.registry.keeper import Keeper
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.registry.life import Life
from tests.integration.registry.switching import (
    in_bucket,
    in_tables,
    is_in_line,
    keep_once,
    set_flag,
    set_floor,
)

CHECKOUT = Path(__file__).parents[3]
FLAG = "ai_assist_enabled"
KEY = flag_key(FLAG, None)


@pytest.fixture
async def registry(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("registry")


@pytest.fixture
async def registry_bus(bus: Callable[[str], Awaitable[Bus]]) -> Bus:
    return await bus("registry")


@contextlib.asynccontextmanager
async def running(keeper: Keeper) -> AsyncIterator[None]:
    task = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def keeper_of(database: Database, bus: Bus, **options: float) -> Keeper:
    return Keeper(database, bus, **{"every": 60, "retry": 0.05, **options})  # type: ignore[arg-type]


async def has_value(bus: Bus, key: str, value: object) -> bool:
    found = (await in_bucket(bus)).get(key)
    return found is not None and found.value == value


async def test_flags_and_floors_of_platform_and_tenants_are_in_the_bucket_with_the_versions_of_their_rows(
    life: Life, registry_bus: Bus
) -> None:
    tenant = await life.new_trial()
    await set_flag(life.database, FLAG, value=True, tenant_id=tenant)
    await set_flag(life.database, "mfa_scope_threshold", 3)
    await set_floor(life.database, "windows")
    await set_floor(life.database, "macos", tenant)
    async with running(keeper_of(life.database, registry_bus)):
        await eventually(lambda: is_in_line(life.database, registry_bus), what="the bucket")
    held = await in_bucket(registry_bus)
    assert held[flag_key(FLAG, tenant)].value is True
    assert held[KEY] == Setting(row_version=0, value=None), (
        "a declared flag that was never set is told of as such"
    )
    assert held[flag_key("mfa_scope_threshold", None)].value == 3
    assert held[floor_key("windows", "stable", None)].value["enforce"] == "4.0.0"
    assert floor_key("macos", "stable", tenant) in held


async def test_a_change_is_in_the_bucket_in_well_under_a_second_without_waiting_for_a_poll(
    registry: Database, registry_bus: Bus, database: Callable[[str], Awaitable[Database]]
) -> None:
    """Committed through another pool than the keeper's, as by another process."""
    other = await database("registry")
    async with running(keeper_of(registry, registry_bus)):
        await eventually(lambda: is_in_line(registry, registry_bus))
        for value in (True, False, True):
            await set_flag(other, FLAG, value=value)
            await eventually(lambda value=value: has_value(registry_bus, KEY, value), limit=0.7)  # type: ignore[misc]
        await set_flag(other, FLAG, None)
        await eventually(lambda: has_value(registry_bus, KEY, None), limit=0.7)


@pytest.mark.parametrize("step", ["wanted", "put"])
async def test_a_keeper_killed_between_the_commit_and_the_put_loses_nothing(
    registry: Database,
    registry_bus: Bus,
    nats_server: TestNats,
    service_dsns: Callable[[str], ServiceDsns],
    step: str,
) -> None:
    await set_flag(registry, FLAG, value=True)
    await set_floor(registry, "windows")
    dsns = service_dsns("registry")
    arguments = [
        *(sys.executable, "-m", "tests.integration.registry.dying_keeper"),
        *(dsns.database_url, dsns.worker_database_url, nats_server.url, nats_server.seed("registry"), step),
    ]
    dying = await asyncio.to_thread(subprocess.run, arguments, cwd=CHECKOUT, check=False, timeout=30)
    assert dying.returncode == -signal.SIGKILL
    assert not await is_in_line(registry, registry_bus)
    async with running(keeper_of(registry, registry_bus)):
        await eventually(lambda: is_in_line(registry, registry_bus))


async def test_a_keeper_that_was_overtaken_with_old_rows_in_its_hands_cannot_write_them(
    registry: Database, registry_bus: Bus
) -> None:
    await set_flag(registry, FLAG, value=True)
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def pause(step: str) -> None:
        if step == "wanted" and not go_on.is_set():
            paused.set()
            await go_on.wait()

    slow = Keeper(registry, registry_bus, at=pause)
    late = asyncio.create_task(keep_once(slow, registry))
    await asyncio.wait_for(paused.wait(), 10)
    await set_flag(registry, FLAG, value=False)
    await keep_once(keeper_of(registry, registry_bus), registry)
    go_on.set()
    with pytest.raises(Overtaken):
        await late
    assert (await in_bucket(registry_bus))[KEY].value is False


async def test_two_keepers_at_once_never_let_an_older_value_win(
    registry: Database, registry_bus: Bus
) -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def keep() -> None:
        keeper = keeper_of(registry, registry_bus, every=0)
        while not done.is_set():
            with contextlib.suppress(Overtaken):
                await keep_once(keeper, registry)

    async def look() -> None:
        while not done.is_set():
            found = (await in_bucket(registry_bus)).get(KEY)
            seen.append(found.row_version if found else -1)

    async with asyncio.TaskGroup() as group:
        for work in (keep, keep, look):
            group.create_task(work())
        for place in range(80):
            await set_flag(registry, FLAG, value=place % 2 == 0)
        wanted = (await in_tables(registry))[KEY]
        await eventually(lambda: wanted.row_version in seen)
        done.set()
    assert seen == sorted(seen)
    assert len(set(seen)) > 5, "the keepers worked while the flag changed"
    assert await is_in_line(registry, registry_bus)


async def test_one_of_two_keepers_leads_and_the_other_takes_over_when_the_first_loses_the_database(
    registry: Database, registry_bus: Bus, admin: asyncpg.Connection
) -> None:
    keepers = [keeper_of(registry, registry_bus) for _ in range(2)]
    async with running(keepers[0]), running(keepers[1]):
        await eventually(lambda: is_in_line(registry, registry_bus))
        assert sorted(keeper.status()["leading"] for keeper in keepers) == [False, True]
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        await set_flag(registry, FLAG, value=True)
        await eventually(lambda: has_value(registry_bus, KEY, value=True))
        await eventually(lambda: sum(keeper.status()["leading"] for keeper in keepers) == 1)


async def test_after_the_loss_of_the_bus_the_bucket_is_complete_again(
    registry: Database, registry_bus: Bus, nats_server: TestNats
) -> None:
    await set_flag(registry, FLAG, value=True)
    await set_floor(registry, "linux")
    async with running(keeper_of(registry, registry_bus)):
        await eventually(lambda: is_in_line(registry, registry_bus))
        nats_server.kill()
        nats_server.wipe()
        await nats_server.start()
        await nats_server.provision()
        await eventually(lambda: registry_bus.is_connected)
        await eventually(lambda: is_in_line(registry, registry_bus), what="the bucket")


async def test_a_bucket_that_was_lost_under_a_living_connection_is_complete_again(
    registry: Database, registry_bus: Bus, nats_server: TestNats
) -> None:
    ops = await nats_server.bus("ops")
    async with running(keeper_of(registry, registry_bus, every=0.2)):
        await eventually(lambda: is_in_line(registry, registry_bus))
        await ops.js.delete_stream(STREAM)
        await nats_server.provision()
        await eventually(lambda: is_in_line(registry, registry_bus), what="the bucket")


async def test_what_somebody_else_wrote_into_the_bucket_does_not_stay(
    registry: Database, registry_bus: Bus
) -> None:
    """A key that is not declared goes, a value that is no setting is replaced."""
    bucket = Bucket(registry_bus, STREAM, PREFIX)
    await bucket.put("flag._.no_longer_declared", Setting(row_version=5, value=True).data(), 0)
    await bucket.put(KEY, b"no setting", 0)
    await keep_once(keeper_of(registry, registry_bus), registry)
    assert await is_in_line(registry, registry_bus)
    assert (await bucket.read())["flag._.no_longer_declared"].data is None


async def test_a_database_that_was_restored_is_believed_and_its_rows_become_the_newest(
    registry: Database, registry_bus: Bus, admin: asyncpg.Connection
) -> None:
    await set_flag(registry, FLAG, value=True)
    await set_floor(registry, "windows")
    async with running(keeper_of(registry, registry_bus)):
        await eventually(lambda: is_in_line(registry, registry_bus))
    before = await in_bucket(registry_bus)
    # The state of a backup from before the changes: one row older, one not there.
    await admin.execute("delete from registry.flag")
    await admin.execute("update registry.version_floor set row_version = 5, enforce = '3.0.0'")
    async with running(keeper_of(registry, registry_bus)):
        await eventually(lambda: is_in_line(registry, registry_bus))
    after = await in_bucket(registry_bus)
    floor = floor_key("windows", "stable", None)
    assert (after[KEY].value, after[floor].value["enforce"]) == (None, "3.0.0")
    assert after[KEY].row_version > before[KEY].row_version
    assert after[floor].row_version > before[floor].row_version
