"""What reading processes know of flags: soon, never older, and through the loss of bus, bucket and themselves."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.bucket import Bucket
from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import Database
from chassis.switches import NotToldYet, Switches
from chassis.watched import Watched
from contracts.settings import PREFIX, STREAM, Setting, flag_key, floor_key
from services.registry.keeper import Keeper
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.registry.life import Life
from tests.integration.registry.switching import FLOOR, keep_once, set_flag, set_floor

CHECKOUT = Path(__file__).parents[3]
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
FLAG = "ai_assist_enabled"
NewDatabase = Callable[[str], Awaitable[Database]]
NewBus = Callable[[str], Awaitable[Bus]]


@dataclass
class Reader:
    """One process of the bff, as far as it watches."""

    database: Database
    bus: Bus
    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGAN))

    def __post_init__(self) -> None:
        self.watched = Watched(Bucket(self.bus, STREAM, PREFIX), self.database, self.clock, retry=0.05)
        self.switches = Switches(self.watched)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Reader"]:
        task = asyncio.create_task(self.watched.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def knows(self, *, on: bool) -> bool:
        return await self.switches.are_told() and self.switches.value(FLAG) is on


@pytest.fixture
async def registry(database: NewDatabase) -> Database:
    return await database("registry")


@pytest.fixture
async def keeper(registry: Database, bus: NewBus) -> Keeper:
    return Keeper(registry, await bus("registry"), every=60, retry=0.05)


@contextlib.asynccontextmanager
async def keeping(keeper: Keeper) -> AsyncIterator[None]:
    task = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def new_reader(database: NewDatabase, bus: NewBus) -> Callable[[], Awaitable[Reader]]:
    async def make() -> Reader:
        return Reader(await database("bff"), await bus("bff"))

    return make


NewReader = Callable[[], Awaitable[Reader]]


class ReadingProcess:
    """Writes each value with the time at which it is in force."""

    def __init__(self, dsns: ServiceDsns, server: TestNats, log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.integration.registry.reading_process"),
                    *(dsns.database_url, dsns.worker_database_url, server.url, server.seed("bff"), FLAG),
                ],
                cwd=CHECKOUT,
                stdout=out,
            )

    def told(self) -> list[tuple[float, object]]:
        lines = [line for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [(said["at"], said["value"]) for said in map(json.loads, lines)]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def two_processes(
    service_dsns: Callable[[str], ServiceDsns], nats_server: TestNats, tmp_path: Path
) -> Iterator[list[ReadingProcess]]:
    found = [ReadingProcess(service_dsns("bff"), nats_server, tmp_path / f"{n}.log") for n in range(2)]
    yield found
    for process in found:
        process.end()


async def test_a_changed_flag_is_in_force_in_two_processes_within_a_second(
    registry: Database, keeper: Keeper, two_processes: list[ReadingProcess]
) -> None:
    async with keeping(keeper):
        await eventually(lambda: all(process.told() for process in two_processes), what="the first value")
        took = []
        for value in (True, False, True, False, True):
            began = time.time()
            await set_flag(registry, FLAG, value=value)
            for process in two_processes:
                await eventually(lambda process=process: process.told()[-1][1] is value)  # type: ignore[misc]  # noqa: B023
            took.append(max(process.told()[-1][0] for process in two_processes) - began)
        assert min(took) < 1, "a busy machine may be late; always late is not hearing but reading again"


async def test_a_tenants_value_goes_before_the_platforms_and_clearing_it_follows_the_platform_again(
    life: Life, keeper: Keeper, new_reader: NewReader
) -> None:
    tenant, other = await life.new_trial(), uuid4()
    async with keeping(keeper), (await new_reader()).running() as reader:
        await eventually(reader.switches.are_told)
        switches, before = reader.switches, reader.switches.revision(tenant)
        await set_flag(life.database, FLAG, value=True)
        await set_flag(life.database, FLAG, value=False, tenant_id=tenant)
        await set_floor(life.database, "windows")
        await set_floor(life.database, "linux", tenant)
        await eventually(lambda: len(switches.floors(tenant)) == 2)
        assert (switches.value(FLAG, tenant), switches.value(FLAG, other)) == (False, True)
        assert (switches.features(tenant), switches.features(other)) == ([], [FLAG])
        assert list(switches.floors(other)) == ["windows/stable"]
        assert before < switches.revision(other) < switches.revision(tenant)
        await set_flag(life.database, FLAG, None, tenant)
        await eventually(lambda: switches.value(FLAG, tenant) is True)


async def test_through_a_restart_of_the_server_a_reader_says_that_it_is_blind_keeps_the_value_and_sees_again(
    registry: Database, keeper: Keeper, new_reader: NewReader, nats_server: TestNats
) -> None:
    await set_flag(registry, FLAG, value=True)
    async with keeping(keeper), (await new_reader()).running() as reader:
        await eventually(lambda: reader.knows(on=True))
        await eventually(lambda: reader.watched.is_live)
        nats_server.kill()
        await eventually(lambda: not reader.watched.is_live)
        reader.clock.advance(timedelta(minutes=7))
        await set_flag(registry, FLAG, value=False)
        told = reader.watched.status()
        assert (told["live"], told["age_seconds"]) == (False, 420)
        assert reader.switches.value(FLAG) is True
        await nats_server.start()
        await eventually(lambda: reader.knows(on=False))
        await eventually(lambda: reader.watched.is_live)
        assert reader.watched.status()["age_seconds"] == 0


async def test_through_the_loss_of_the_bucket_nothing_falls_back_to_its_default(
    registry: Database, keeper: Keeper, new_reader: NewReader, nats_server: TestNats
) -> None:
    await set_flag(registry, FLAG, value=True)
    async with (await new_reader()).running() as reader:
        async with keeping(keeper):
            await eventually(lambda: reader.knows(on=True))
        nats_server.kill()
        nats_server.wipe()
        await nats_server.start()
        await eventually(lambda: reader.bus.connections == 2)
        assert await reader.knows(on=True), "without a stream"
        await nats_server.provision()
        await eventually(lambda: reader.watched.is_live)
        assert await reader.knows(on=True), "with an empty one"
        async with keeping(keeper):
            await set_flag(registry, FLAG, value=False)
            await eventually(lambda: reader.knows(on=False))


async def test_a_value_that_was_written_unheard_is_found_by_reading_the_whole_bucket(
    registry: Database, keeper: Keeper, database: NewDatabase, bus: NewBus
) -> None:
    """A reader whose subscription does not work at all."""
    reader = Reader(await database("bff"), await bus("bff"))
    reader.watched = Watched(
        Bucket(reader.bus, STREAM, PREFIX), reader.database, reader.clock, every=0.2, retry=0.05
    )
    reader.switches = Switches(reader.watched)

    async def deaf(*_: object) -> None:
        """Hears nothing."""

    reader.bus.listen = deaf  # type: ignore[method-assign, assignment]
    async with reader.running():
        await keep_once(keeper, registry)
        await eventually(lambda: reader.knows(on=False))
        await set_flag(registry, FLAG, value=True)
        await keep_once(keeper, registry)
        await eventually(lambda: reader.knows(on=True))


async def test_a_process_that_starts_without_the_bus_goes_on_with_what_was_known_before(
    registry: Database, keeper: Keeper, new_reader: NewReader, nats_server: TestNats, database: NewDatabase
) -> None:
    await set_flag(registry, FLAG, value=True)
    await set_floor(registry, "windows")
    first = await new_reader()
    async with keeping(keeper), first.running():
        await eventually(lambda: first.knows(on=True))
        await eventually(lambda: is_saved(first.database, 8))
    nats_server.kill()
    bus = Bus("bff", nats_server.url, nats_server.seed("bff"))
    second = Reader(await database("bff"), bus)
    second.clock.advance(timedelta(hours=1))
    await bus.connect()
    async with second.running():
        await eventually(lambda: second.knows(on=True))
        assert second.switches.floors(uuid4())["windows/stable"]["enforce"] == "4.0.0"
        assert second.watched.status() == {
            "live": False,
            "keys": 8,
            "unreadable": 0,
            "age_seconds": 3600,
        }
    await bus.close()


async def is_saved(database: Database, keys: int) -> bool:
    async with database.platform_reading() as tx:
        return bool(await tx.fetchval("select count(*) from known_setting") == keys)


async def test_who_was_never_told_does_not_guess(new_reader: NewReader) -> None:
    async with (await new_reader()).running() as reader:
        await eventually(lambda: reader.watched.is_live)
        assert not await reader.switches.are_told()
        with pytest.raises(NotToldYet):
            reader.switches.value(FLAG)


async def test_an_older_value_changes_nothing_and_a_removed_key_is_forgotten(
    registry: Database, keeper: Keeper, new_reader: NewReader, bus: NewBus
) -> None:
    tenant = uuid4()
    key = flag_key(FLAG, tenant)
    bucket = Bucket(await bus("registry"), STREAM, PREFIX)
    await keep_once(keeper, registry)
    async with (await new_reader()).running() as reader:
        await eventually(reader.switches.are_told)
        first = await bucket.put(key, Setting(row_version=10, value=True).data(), 0)
        await eventually(lambda: reader.switches.value(FLAG, tenant) is True)
        second = await bucket.put(key, Setting(row_version=9, value=False).data(), first)
        third = await bucket.put(key, b"not readable", second)
        other = flag_key(FLAG, uuid4())
        await bucket.put(other, Setting(row_version=1, value=True).data(), 0)
        await eventually(lambda: other in reader.watched.known)
        assert reader.switches.value(FLAG, tenant) is True
        await bucket.remove(key, third)
        await eventually(lambda: key not in reader.watched.known)
        assert reader.switches.value(FLAG, tenant) is False
        await eventually(lambda: is_saved(reader.database, 8))


GOOD = FLOOR.told()
NO_FLOORS = [
    {**GOOD, "enforce": "four"},  # type: ignore[dict-item]
    {**GOOD, "block": "4.2.0"},  # type: ignore[dict-item]
    {**GOOD, "block": [None]},  # type: ignore[dict-item]
    {**GOOD, "effective_at": "tomorrow"},  # type: ignore[dict-item]
    {**GOOD, "effective_at": "2026-03-01T00:00:00"},  # type: ignore[dict-item]
    {**GOOD, "unknown": "perhaps"},  # type: ignore[dict-item]
    {"enforce": "4.0.0"},
    "4.0.0",
]


@pytest.mark.parametrize(
    ("key", "good", "wrong"),
    [
        (floor_key("windows", "stable", None), GOOD, NO_FLOORS),
        (flag_key(FLAG, None), True, ["yes", 1, {"on": True}]),
        (flag_key("mfa_scope_threshold", None), 2, [True, 4, "2"]),
    ],
)
async def test_what_is_no_value_is_said_and_the_last_good_one_stays(
    key: str, good: object, wrong: list[object], new_reader: NewReader, bus: NewBus
) -> None:
    """Until the next good one, also in a process that starts meanwhile."""
    bucket = Bucket(await bus("registry"), STREAM, PREFIX)
    revision = await bucket.put(key, Setting(row_version=1, value=good).data(), 0)
    async with (await new_reader()).running() as reader:
        await eventually(lambda: key in reader.watched.known)
        for version, value in enumerate(wrong, 2):
            revision = await bucket.put(key, Setting(row_version=version, value=value).data(), revision)
            await eventually(lambda: reader.watched.status()["unreadable"] == 1)
            assert reader.watched.known[key].value == good
            again = Setting(row_version=version, value=good).data()
            revision = await bucket.put(key, again, revision)
            await eventually(lambda: reader.watched.status()["unreadable"] == 0)
        await eventually(lambda: is_saved(reader.database, 1))
        await bucket.put(key, Setting(row_version=99, value=wrong[0]).data(), revision)
        await eventually(lambda: reader.watched.status()["unreadable"] == 1)
        async with (await new_reader()).running() as later:
            await eventually(lambda: later.watched.status()["unreadable"] == 1)
            await eventually(lambda: key in later.watched.known)
            assert later.watched.known[key].value == good
