"""Many connections at one process: stalled readers are bounded and hold up nobody, a drain is even."""

import asyncio
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx

from chassis.db import Database
from services.bff.listener import DEAD_SECONDS, listening_socket
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import LARGE, Bff, Stage

STALLED = 200
COUNT = 300
SIZE = 40_000
MOST_GROWTH = 150 * 1024 * 1024
"""What may wait for all of them (320 KiB each), the ring, and as much again."""


async def open_all(
    stack: AsyncExitStack, http: httpx.AsyncClient, desks: Sequence[Desk], bff: Bff, *, slow: bool = False
) -> list[Line]:
    lines = []
    for desk in desks:
        lines.append(await stack.enter_async_context(connected(http, desk, bff, slow=slow)))
        await lines[-1].opened()
    return lines


async def test_hundreds_of_stalled_readers_cost_bounded_memory_and_the_others_get_everything(
    stage: Stage, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    bff = await stage.start_bff("stalled", stage.registry_url, {**LARGE, "PARKED_SECONDS": "120"})
    first = await new_desk()
    desks = [await new_desk(tenant_id=first.tenant_id) for _ in range(STALLED)]
    async with AsyncExitStack() as stack:
        [quick] = await open_all(stack, http, [first], bff)
        stalled = await open_all(stack, http, desks, bff, slow=True)
        for line in stalled:
            line.may_read.clear()
        before, said = bff.process.resident_bytes, list[str]()
        for _ in range(COUNT // 50):
            said += await say(bff_data, first.tenant_id, ["all"] * 50, SIZE)
        assert ids(await quick.got(COUNT, 60)) == said
        grown = bff.process.resident_bytes - before
        print(f"{STALLED} stalled readers, {COUNT * SIZE >> 20} MiB said to each: {grown >> 20} MiB more")  # noqa: T201  # a figure
        assert grown < MOST_GROWTH
        assert not any(line.is_over for line in [quick, *stalled])
        for line in stalled[:3]:
            line.may_read.set()
        for line in stalled[:3]:  # from the ring, which has kept it for all of them
            assert ids(await line.got(COUNT, 60)) == said


async def end_of(line: Line) -> float:
    await line.ended(20)
    return time.monotonic()


async def test_a_process_that_stops_sends_its_streams_away_evenly(
    stage: Stage, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    bff = await stage.start_bff("drained", stage.registry_url, {**LARGE, "DRAIN_SECONDS": "8"})
    desks = [await new_desk() for _ in range(40)]
    async with AsyncExitStack() as stack:
        lines = await open_all(stack, http, desks, bff)
        bff.process.signal(signal.SIGTERM)
        ends = await asyncio.gather(*(end_of(line) for line in lines))
        assert max(ends) - min(ends) > 2
        assert sum(end - min(ends) < 1 for end in ends) < len(lines) / 2
        assert all(line.said("bye") == [{"reason": "drain"}] for line in lines)
        assert len({line.retries[-1] for line in lines}) > len(lines) / 2
    assert await bff.process.ended() == 0


async def test_an_accepted_connection_has_small_buffers_and_an_end_of_patience() -> None:
    """They are set where it listens; that Linux hands them on is what this is about."""
    with (
        listening_socket("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()) as caller,
    ):
        caller.send(b"G")  # before something was said nobody is accepted
        accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
        with accepted:
            timeout = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert timeout == DEAD_SECONDS * 1000
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * 131_072
