"""The connection to NATS: never blocks a start, comes back for ever, and says when it cannot."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from nats.aio.msg import Msg

from chassis.bus import Bus, BusUnavailable
from chassis.errors import Transient
from tests.infra import TestNats, eventually


async def test_a_service_may_start_before_nats_exists(nats_server: TestNats) -> None:
    nats_server.kill()
    bus = Bus("audit", nats_server.url, nats_server.seed("audit"))
    try:
        await bus.connect()
        assert not bus.is_connected
        with pytest.raises(BusUnavailable):
            await bus.request("rpc.registry.outbox.replay", b"{}")
        await nats_server.start()
        await asyncio.wait_for(bus.wait_connected(), 10)
    finally:
        await bus.close()


async def test_it_reconnects_after_a_kill_and_answers_again(
    nats_server: TestNats, registry_bus: Bus, audit_bus: Bus
) -> None:
    async def answer(data: bytes) -> bytes:
        return b"answer to " + data

    await registry_bus.respond("rpc.registry.outbox.replay", answer)
    assert await audit_bus.request("rpc.registry.outbox.replay", b"a") == b"answer to a"
    nats_server.kill()
    await eventually(lambda: is_connected(audit_bus, connected=False))
    await nats_server.start()
    await eventually(lambda: is_connected(audit_bus))
    await eventually(lambda: is_connected(registry_bus))
    assert await audit_bus.request("rpc.registry.outbox.replay", b"b") == b"answer to b"


async def is_connected(bus: Bus, *, connected: bool = True) -> bool:
    return bus.is_connected is connected


async def test_a_responder_set_before_the_connection_answers_after_it(
    nats_server: TestNats, audit_bus: Bus
) -> None:
    bus = Bus("registry", nats_server.url, nats_server.seed("registry"))

    async def answer(data: bytes) -> bytes:
        return data

    await bus.respond("rpc.registry.outbox.replay", answer)
    try:
        await bus.connect()
        await asyncio.wait_for(bus.wait_connected(), 10)
        assert await audit_bus.request("rpc.registry.outbox.replay", b"x") == b"x"
    finally:
        await bus.close()


async def test_no_answer_and_a_failing_responder_are_passing_failures(
    registry_bus: Bus, audit_bus: Bus
) -> None:
    with pytest.raises(Transient, match="no responders"):
        await audit_bus.request("rpc.registry.outbox.replay", b"")

    async def fail(data: bytes) -> bytes:
        raise RuntimeError("broken")

    await registry_bus.respond("rpc.registry.outbox.replay", fail)
    with pytest.raises(Transient):
        await audit_bus.request("rpc.registry.outbox.replay", b"", timeout=0.3)


async def test_a_client_closed_for_good_ends_the_process_and_an_asked_close_does_not(
    nats_server: TestNats,
) -> None:
    ended: list[str] = []
    bus = Bus("audit", nats_server.url, nats_server.seed("audit"), on_closed=lambda: ended.append("ended"))
    await bus.connect()
    await asyncio.wait_for(bus.wait_connected(), 10)
    assert not bus.is_closed
    await bus.nc.close()
    assert ended == ["ended"]
    assert bus.is_closed

    asked = Bus("audit", nats_server.url, nats_server.seed("audit"), on_closed=lambda: ended.append("again"))
    await asked.connect()
    await asyncio.wait_for(asked.wait_connected(), 10)
    await asked.close()
    assert ended == ["ended"]
    assert not asked.is_closed


async def test_a_subscription_stands_before_its_confirmation_is_asked_for(nats_server: TestNats) -> None:
    said = bytearray()
    ends: list[asyncio.StreamWriter] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", urlsplit(nats_server.url).port)
        ends.extend((writer, far))

        async def back() -> None:
            while data := await near.read(65_536):
                writer.write(data)

        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(back())
            while data := await reader.read(65_536):
                said.extend(data)
                far.write(data)
            far.close()

    async def answer(data: bytes) -> bytes:
        return data

    line = await asyncio.start_server(forward, "127.0.0.1", 0)
    port = line.sockets[0].getsockname()[1]
    bus = Bus("registry", f"nats://127.0.0.1:{port}", nats_server.seed("registry"))
    try:
        await bus.connect()
        await asyncio.wait_for(bus.wait_connected(), 10)
        said.clear()
        await bus.respond("rpc.registry.outbox.replay", answer)
        assert bytes(said).startswith(b"SUB rpc.registry.outbox.replay")
        assert said.endswith(b"PING\r\n")
    finally:
        await bus.close()
        line.close()
        for end in ends:
            end.close()


@dataclass
class CancellingFuture:
    """Cancels who waits for it at the moment at which the answer comes."""

    future: "asyncio.Future[Msg]"
    waiting: "asyncio.Task[bytes]"

    def done(self) -> bool:
        return self.future.done()

    def set_result(self, answer: Msg) -> None:
        self.future.set_result(answer)
        self.waiting.cancel()


async def test_a_request_is_cancelled_even_at_the_moment_of_its_answer(
    registry_bus: Bus, audit_bus: Bus
) -> None:
    """Before Python 3.12 `wait_for` swallows that cancellation, and what should have ended runs on."""

    async def answer(data: bytes) -> bytes:
        return data

    await registry_bus.respond("rpc.registry.outbox.replay", answer)
    await audit_bus.request("rpc.registry.outbox.replay", b"a")
    asking = asyncio.create_task(audit_bus.request("rpc.registry.outbox.replay", b"b"))
    waiting = audit_bus.nc._resp_map  # the moment is not to be had otherwise
    while not waiting:
        await asyncio.sleep(0)
    token, future = waiting.popitem()
    waiting[token] = CancellingFuture(future, asking)  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_an_answer_that_takes_long_keeps_no_other_one_waiting(
    registry_bus: Bus, audit_bus: Bus
) -> None:
    may_end = asyncio.Event()

    async def answer(request: bytes) -> bytes:
        if request == b"slow":
            await may_end.wait()
        return request

    await registry_bus.respond("rpc.registry.outbox.replay", answer, at_once=2)
    slow = asyncio.create_task(audit_bus.request("rpc.registry.outbox.replay", b"slow", timeout=20))
    await asyncio.sleep(0)
    assert await audit_bus.request("rpc.registry.outbox.replay", b"quick", timeout=5) == b"quick"
    may_end.set()
    assert await slow == b"slow"
