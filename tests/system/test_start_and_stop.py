"""A service starts before everything it needs, and stops within its limit without dropping what it works on."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from chassis.outgoing import http_client
from contracts import settings
from contracts.subjects import SERVICES
from tenantry.stack.processes import Child, Command, python
from tenantry.stack.stack import Stack
from tests.infra import eventually

pytestmark = pytest.mark.timeout(180)
DRAIN_SECONDS = 3.0
BODY = b'{"nothing": "that a webhook says"}'


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path / "data")
    yield stack
    await stack.stop()


async def answer(stack: Stack, service: str, path: str) -> httpx.Response | None:
    async with http_client() as http:
        try:
            return await http.get(f"{stack.url(service)}{path}")
        except httpx.TransportError:
            return None


async def has_status(stack: Stack, service: str, path: str, status: int) -> bool:
    found = await answer(stack, service, path)
    return found is not None and found.status_code == status


async def test_services_start_before_everything_they_need_and_recover_when_it_comes(stack: Stack) -> None:
    stack.folder.lock()
    for service in SERVICES:
        stack.start_process(service)
    for service in SERVICES:
        await eventually(partial(has_status, stack, service, "/livez", 200), 30, f"{service} alive")
        found = await answer(stack, service, "/readyz")
        assert found is not None
        assert found.status_code == 503
        needed = {"database", "bus"} | ({"settings"} if service in settings.READERS else set())
        told = found.json()["dependencies"].items()
        assert {name: what["up"] for name, what in told} == dict.fromkeys(needed, False)
    pids = {service: stack.pid(service) for service in SERVICES}
    await stack.postgres.start()
    await stack.nats.start()
    await stack.provision()
    stack.start_process("issuer")
    for service in SERVICES:
        await eventually(partial(has_status, stack, service, "/readyz", 200), 30, f"{service} ready")
    assert pids == {service: stack.pid(service) for service in SERVICES}


def registry_alone(stack: Stack) -> Child:
    """Without any dependency: what a stop does with requests needs none."""
    stack.folder.lock()
    environment = {**stack.environment.of("registry"), "TENANTRY_REGISTRY_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    return Child(
        Command("registry", [python(), "-m", "services.registry"], environment, stack.log_of("registry"))
    )


def half_sent(stack: Stack) -> socket.socket:
    """A request of which all but the last byte has arrived."""
    connection = socket.create_connection(("127.0.0.1", stack.ports["registry"]), timeout=20)
    head = ["POST /webhooks/erpnext HTTP/1.1", "Host: x", "Content-Type: application/json"]
    length = f"Content-Length: {len(BODY)}"
    connection.sendall("\r\n".join([*head, length, "", ""]).encode() + BODY[:-1])
    return connection


async def is_refusing(stack: Stack) -> bool:
    return await answer(stack, "registry", "/livez") is None


async def test_a_stop_lets_requests_finish_and_cuts_off_what_takes_too_long(stack: Stack) -> None:
    child = registry_alone(stack)
    connections: list[socket.socket] = []
    try:
        await eventually(lambda: has_status(stack, "registry", "/livez", 200), 30)
        connections += (half_sent(stack), half_sent(stack))
        finishing, hanging = connections
        await answer(stack, "registry", "/livez")  # both are read: connections are served in order
        began = time.monotonic()
        child.process.send_signal(signal.SIGTERM)
        await eventually(lambda: is_refusing(stack), what="no new connection is taken")
        assert child.is_running
        finishing.sendall(BODY[-1:])
        told = await asyncio.to_thread(finishing.recv, 65536)
        assert told.startswith(b"HTTP/1.1 401")
        status = await asyncio.to_thread(child.process.wait, 30)
        assert status == 0
        assert DRAIN_SECONDS * 0.8 < time.monotonic() - began < DRAIN_SECONDS + 10
        assert b"200" not in hanging.recv(65536)
    finally:
        child.kill()
        for connection in connections:
            connection.close()
