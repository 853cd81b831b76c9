"""Whole consumer processes: killed between apply and acknowledgement, stopped, started before anything else exists."""

import asyncio
import signal
import sys
from collections.abc import Sequence

from chassis.bus import Bus
from chassis.db import Tx
from chassis.inbox import InboxSettings
from contracts.envelope import Message
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.chassis.kinds import AskConsumer, Running, acknowledged_up_to, all_acknowledged
from tests.integration.chassis.numbered_events import publish, several
from tests.integration.chassis.stage import Stage, one_by_one
from tests.integration.chassis.test_inbox_failures import set_ack_wait


async def test_a_consumer_killed_before_it_acknowledges_doubles_nothing(
    stage: Stage,
    audit_dsns: ServiceDsns,
    nats_server: TestNats,
    running: Running,
    registry_bus: Bus,
    ops_bus: Bus,
    consumer_info: AskConsumer,
) -> None:
    await set_ack_wait(ops_bus, 0.5)
    events = several(50)
    await publish(registry_bus, events)
    dying = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.chassis.dying_consumer",
        nats_server.url,
        nats_server.seed("audit"),
        audit_dsns.database_url,
        audit_dsns.worker_database_url,
    )
    assert await dying.wait() == -signal.SIGKILL
    applied = len(await stage.effects())
    assert applied > 0, "it died before it had applied anything"
    assert acknowledged_up_to(await consumer_info()) == 0

    running(one_by_one())
    await eventually(lambda: all_acknowledged(consumer_info, 50))
    assert await stage.effects() == [event.id for event in events]
    assert await stage.seen() == {"01": "{[1,51)}"}


async def test_a_stopped_consumer_gives_back_what_it_had_taken_at_once(
    stage: Stage, running: Running, registry_bus: Bus, consumer_info: AskConsumer
) -> None:
    """Without waiting for ack_wait (30 s): another process takes over within the test's patience."""
    stuck = asyncio.Event()

    async def never_ends(tx: Tx, messages: Sequence[Message]) -> None:
        stuck.set()
        await asyncio.Event().wait()

    await publish(registry_bus, several(10))
    _, first = running(never_ends, InboxSettings(max_batch=4, drain=0.1))
    await asyncio.wait_for(stuck.wait(), 10)
    first.cancel()
    await asyncio.wait([first])
    running(one_by_one())
    await eventually(lambda: all_acknowledged(consumer_info, 10))
    assert len(await stage.effects()) == 10
