"""A consuming service may start before its database is migrated and before NATS exists."""

import asyncpg

from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.dead_letters import DeadLetterReplayer
from chassis.gaps import GapFiller
from chassis.inbox import Consumer
from tests.infra import Databases, TestNats, eventually
from tests.integration.chassis.kinds import StartPart, all_acknowledged
from tests.integration.chassis.numbered_events import publish, several
from tests.integration.chassis.stage import DURABLE, SERVICE, STREAM, one_by_one, set_stage
from tests.integration.chassis.test_inbox_failures import has_effects


async def test_parts_wait_for_tables_and_broker_and_then_work(
    databases: Databases, nats_server: TestNats, admin: asyncpg.Connection, start_part: StartPart
) -> None:
    await admin.execute("alter schema audit rename to not_yet")
    nats_server.kill()
    database = await databases.open(SERVICE)
    bus = Bus(SERVICE, nats_server.url, nats_server.seed(SERVICE))
    await bus.connect()
    consumer = Consumer(
        bus=bus,
        database=database,
        clock=SystemClock(),
        service=SERVICE,
        stream=STREAM,
        durable=DURABLE,
        apply=one_by_one(),
    )
    clock = SystemClock()
    tasks = [
        start_part(consumer),
        start_part(GapFiller(bus=bus, database=database, clock=clock, service=SERVICE, consumers=[consumer])),
        start_part(DeadLetterReplayer(database=database, clock=clock, consumers=[consumer])),
    ]
    try:
        await nats_server.start()
        registry = await nats_server.bus("registry")
        await publish(registry, several(5))
        await eventually(lambda: consumer.status()["database_down_since"] is not None)
        await admin.execute("alter schema not_yet rename to audit")
        stage = await set_stage(database, admin)
        await eventually(lambda: has_effects(stage, 5))
        ops = await nats_server.bus("ops")
        await eventually(lambda: all_acknowledged(lambda: ops.js.consumer_info(STREAM, DURABLE), 5))
        assert not any(task.done() for task in tasks)
    finally:
        await bus.close()
