"""The vendor over HTTP: what is not clearly an answer is a doubt, and nobody is followed elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.lock_actions import Command
from services.bff.locks.vendor import HttpVendor, VendorError, VendorRefused, VendorUnclear, VendorUnreachable
from tests.infra import eventually
from tests.integration.bff.stage import Process, answers, nowhere
from tests.ports import free_port

Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


def command(key: str = "k", **changed: object) -> Command:
    told = {
        "key": key,
        "site": "s",
        "property": "p",
        "lock_id": "l",
        "action": "lock",
        "expires_at": datetime.now(UTC) + timedelta(seconds=30),
        **changed,
    }
    return Command.model_validate(told)


@asynccontextmanager
async def answering(talk: Talk) -> AsyncIterator[HttpVendor]:
    """A server that says what a test wants it to say to every request."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        try:
            await talk(writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    vendor = HttpVendor("v", f"http://127.0.0.1:{port}", "key", seconds=1.0)
    try:
        yield vendor
    finally:
        await vendor.close()
        server.close()


def saying(*lines: str, body: bytes = b"") -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        head = [*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return talk


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


async def nothing(writer: asyncio.StreamWriter) -> None:
    await writer.drain()


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (saying("HTTP/1.1 503 Away"), VendorUnreachable),
        (saying("HTTP/1.1 403 No"), VendorRefused),
        (saying("HTTP/1.1 500 Broken"), VendorUnclear),
        (saying("HTTP/1.1 302 Found", "Location: http://169.254.169.254/"), VendorUnclear),
        (saying("HTTP/1.1 200 OK", body=b"no json"), VendorUnclear),
        (saying("HTTP/1.1 200 OK", body=b'{"key": "other", "outcome": "executed"}'), VendorUnclear),
        (saying("HTTP/1.1 200 OK", body=b'{"key": "k", "outcome": "perhaps"}'), VendorUnclear),
        (saying("HTTP/1.1 200 OK", body=b" " * 2_000_000), VendorUnclear),
        (trickle, VendorUnclear),
        (nothing, VendorUnclear),
    ],
)
async def test_only_what_is_clearly_said_counts(talk: Talk, error: type[VendorError]) -> None:
    async with answering(talk) as vendor:
        with pytest.raises(error):
            await vendor.send(command())


async def test_nobody_there_is_nothing_done() -> None:
    vendor = HttpVendor("v", nowhere(), "key", seconds=1.0)
    with pytest.raises(VendorUnreachable):
        await vendor.send(command())
    await vendor.close()


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[str]:
    """The address of one of this test's own, whose log nobody else follows."""
    port = free_port()
    environment = {
        "TENANTRY_MODE": "local",
        "TENANTRY_LOCK_VENDOR_KEY": "right",
        "TENANTRY_LOCK_VENDOR_PORT": str(port),
        "TENANTRY_LOCK_VENDOR_DATA": str(tmp_path),
    }
    process = Process("products.locks", environment, tmp_path / "vendor.log")
    url = f"http://127.0.0.1:{port}"
    await eventually(lambda: answers(f"{url}/readyz"), 30, "the vendor")
    yield url
    process.end()


async def test_the_simulated_vendor_keeps_to_the_protocol(simulated: str) -> None:
    """Once per key, never after the expiry, known by its key, and every line with the next number."""
    vendor = HttpVendor("v", simulated, "right", seconds=5.0)
    assert await vendor.ask("k") is None
    assert (await vendor.send(command("k"))).outcome == "executed"
    assert (await vendor.send(command("k"))).outcome == "executed"
    late = command("late", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await vendor.send(late)).outcome == "refused"
    known = await vendor.ask("k")
    assert known is not None
    assert known.outcome == "executed"
    assert await vendor.ask("late") is None
    assert (await vendor.send(command("k2"))).outcome == "executed"
    assert [(line.entry, line.key) for line in (await vendor.lines(0, 100)).lines] == [(1, "k"), (2, "k2")]
    assert [line.key for line in (await vendor.lines(1, 100)).lines] == ["k2"]
    await vendor.close()


async def test_a_wrong_key_is_refused(simulated: str) -> None:
    vendor = HttpVendor("v", simulated, "wrong", seconds=5.0)
    with pytest.raises(VendorRefused):
        await vendor.send(command())
    await vendor.close()
