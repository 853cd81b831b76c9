"""Faults of the relay on real parts: kills at each step, a pause through a take-over, a restored database, a lost bus."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.clock import SystemClock
from chassis.db import Database
from chassis.relay import Relay
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.chassis.test_relay import FAST, LANE, count_at_least, running, say, stored

CHECKOUT = Path(__file__).parents[3]
NUMBERS = "select seq, outbox_id from registry.outbox_sequence where epoch = $1 order by seq"


class RelayProcess:
    """A relay that can be killed, stopped and continued like any process."""

    def __init__(self, dsns: ServiceDsns, server: TestNats, step: str = "never") -> None:
        arguments = [
            *(sys.executable, "-m", "tests.integration.chassis.dying_relay"),
            *(dsns.database_url, dsns.worker_database_url, server.url, server.seed("registry"), step),
        ]
        self._process = subprocess.Popen(
            arguments, cwd=CHECKOUT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    async def ended(self) -> int:
        return await asyncio.to_thread(self._process.wait, 20)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
async def registry(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("registry")


async def relayed(registry: Database, server: TestNats, wanted: int) -> list[dict[str, str]]:
    """What the stream holds once a healthy relay has published `wanted` messages, heartbeat included."""
    bus = await server.bus("registry")
    async with running(Relay(registry, bus, LANE, SystemClock(), FAST)):
        await eventually(lambda: count_at_least(bus, wanted), what=f"{wanted} messages")
    return await stored(server)


async def numbers(admin: asyncpg.Connection) -> list[tuple[int, int]]:
    epoch = await admin.fetchval("select epoch from registry.outbox_relay")
    return [tuple(row) for row in await admin.fetch(NUMBERS, epoch)]


@pytest.mark.parametrize("step", ["numbered", "published"])
async def test_a_relay_killed_between_its_steps_loses_nothing_and_repeats_nothing(
    registry: Database,
    nats_server: TestNats,
    service_dsns: Callable[[str], ServiceDsns],
    admin: asyncpg.Connection,
    step: str,
) -> None:
    tenant = uuid4()
    said = [await say(registry, tenant, version) for version in range(1, 151)]
    dying = RelayProcess(service_dsns("registry"), nats_server, step)
    assert await dying.ended() == -signal.SIGKILL
    before = await numbers(admin)
    messages = await relayed(registry, nats_server, len(said) + 1)
    assert [UUID(message["ce-id"]) for message in messages] == said
    assert (await numbers(admin))[: len(before)] == before
    assert len({message["ce-sequence"] for message in messages}) == len(said)


async def test_what_was_committed_before_its_writer_was_killed_is_published(
    registry: Database, nats_server: TestNats
) -> None:
    """The row is all there is: whoever wrote it is gone before any relay runs."""
    tenant = uuid4()
    said = await say(registry, tenant, 1)
    await registry.close()
    another = Database("registry", *registry.urls)
    messages = await relayed(another, nats_server, 2)
    await another.close()
    assert [message["ce-id"] for message in messages] == [str(said)]


async def test_a_paused_relay_that_wakes_after_its_take_over_cannot_append(
    registry: Database,
    nats_server: TestNats,
    service_dsns: Callable[[str], ServiceDsns],
    admin: asyncpg.Connection,
) -> None:
    tenant = uuid4()
    paused = RelayProcess(service_dsns("registry"), nats_server)
    try:
        await say(registry, tenant, 1)
        bus = await nats_server.bus("registry")
        await eventually(lambda: count_at_least(bus, 2), what="the first relay's work")
        paused.signal(signal.SIGSTOP)
        # As for a failed host: the database gives up the leader's connection, and with it the lock.
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        said = [await say(registry, tenant, version) for version in range(2, 52)]
        async with running(Relay(registry, bus, LANE, SystemClock(), FAST)):
            await eventually(lambda: count_at_least(bus, 53), what="the second relay's work")
            paused.signal(signal.SIGCONT)
            said.append(await say(registry, tenant, 52))
            await eventually(lambda: count_at_least(bus, 54), what="the event after the wake-up")
    finally:
        paused.end()
    messages = await stored(nats_server)
    assert [UUID(message["ce-id"]) for message in messages][1:] == said
    sequences = [int(message["ce-sequence"]) for message in messages]
    assert sequences == sorted(set(sequences))


async def test_a_restored_older_database_begins_a_new_epoch_and_says_everything(
    registry: Database, nats_server: TestNats, admin: asyncpg.Connection
) -> None:
    tenant = uuid4()
    for version in range(1, 11):
        await say(registry, tenant, version)
    first = await relayed(registry, nats_server, 11)
    # The state of a backup taken after the fifth event: its rows, numbers and the relay's position as they were then.
    await admin.execute("delete from registry.outbox where id > 5")
    await admin.execute("delete from registry.outbox_sequence where outbox_id > 5")
    await admin.execute("update registry.outbox_relay set last_seq = 5, published_seq = 5")
    said = [await say(registry, tenant, version) for version in range(6, 9)]
    bus = await nats_server.bus("registry")
    async with running(Relay(registry, bus, LANE, SystemClock(), FAST)):
        await eventually(lambda: count_at_least(bus, 11 + len(said)), what="the events after the restore")
    messages = await stored(nats_server)
    fresh = [message for message in messages if message["ce-sourceepoch"] != first[0]["ce-sourceepoch"]]
    assert {UUID(message["ce-id"]) for message in fresh} >= set(said)
    assert len({message["ce-sourceepoch"] for message in messages}) == 2
    versions = [int(message["ce-aggregateversion"]) for message in fresh]
    assert versions == sorted(versions)


async def test_after_the_loss_of_the_stream_the_relay_goes_on_and_replay_knows_the_rest(
    registry: Database, nats_server: TestNats, admin: asyncpg.Connection
) -> None:
    tenant = uuid4()
    for version in range(1, 6):
        await say(registry, tenant, version)
    await relayed(registry, nats_server, 6)
    nats_server.kill()
    nats_server.wipe()
    await nats_server.start()
    await nats_server.provision()
    later = await say(registry, tenant, 6)
    bus = await nats_server.bus("registry")

    async def came() -> bool:
        return str(later) in [message["ce-id"] for message in await stored(nats_server)]

    async with running(Relay(registry, bus, LANE, SystemClock(), FAST)):
        await eventually(came, what="the event after the loss")
    given = await numbers(admin)
    assert [seq for seq, _ in given] == list(range(1, len(given) + 1))


async def test_an_event_that_does_not_fit_is_refused_before_it_can_block_the_relay(
    admin: asyncpg.Connection,
) -> None:
    insert = (
        "insert into registry.outbox (event_id, subject, headers, payload)"
        " values (gen_random_uuid(), $1, '{}', decode(repeat('00', $2), 'hex'))"
    )
    for subject, size in (("registry.x.y.v1", 300_000), ("no subject at all", 1)):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(insert, subject, size)
