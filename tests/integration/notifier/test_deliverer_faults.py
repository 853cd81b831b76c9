"""Webhooks when processes die or race, when a secret cannot be opened, and when an address leads inside."""

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from chassis.db import Database
from services.notifier.deliverer import LEASE
from tests.infra import eventually
from tests.integration.notifier.happened import activated
from tests.integration.notifier.peer import Peer, answering, silence
from tests.integration.notifier.stage import Stage

FIRST_WAIT = 36.0


async def states(stage: Stage) -> list[str]:
    return [row["state"] for row in await stage.rows("message")]


async def test_deliverers_at_the_same_time_deliver_each_message_once(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    await stage.subscribe(tenant_id, receiver.url)
    await stage.hear(*(activated(tenant_id, sales_order=f"SO-{number}") for number in range(40)))
    other = Database("notifier", *stage.database.urls)
    deliverers = [stage.deliverer(batch=15) for _ in range(4)]
    deliverers[0]._database = deliverers[1]._database = other
    took = [await asyncio.gather(*(each.deliver_due() for each in deliverers)) for _ in range(3)]
    await other.close()
    assert sum(map(sum, took)) == 40
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 40
    assert len(receiver.requests) == 40
    assert await states(stage) == ["delivered"] * 40


async def test_an_attempt_that_died_with_its_process_is_made_again_after_its_lease(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    _, secret = await stage.subscribe(tenant_id, receiver.url)
    receiver.script = [silence]
    await stage.hear(activated(tenant_id))
    dying = asyncio.create_task(stage.deliverer().deliver_due())
    await eventually(lambda: len(receiver.requests) == 1, what="the attempt in flight")
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await stage.deliverer().deliver_due() == 0, "its lease has not ended"
    stage.pass_time(LEASE.total_seconds())
    await stage.deliverer().deliver_due()
    lost, again = receiver.requests
    assert (lost.headers["webhook-id"], lost.body) == (again.headers["webhook-id"], again.body)
    assert Webhook(secret).verify(again.body, again.headers)
    assert await states(stage) == ["delivered"]


async def test_a_deliverer_whose_lease_ended_takes_nothing_back(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    """The late one fails for good, the one that took over has delivered: it stays delivered, and nobody died."""
    await stage.subscribe(tenant_id, receiver.url)
    go_on = asyncio.Event()

    async def late(_: object, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(b"HTTP/1.1 500 so\r\ncontent-length: 0\r\n\r\n")

    receiver.script = [late]
    await stage.hear(activated(tenant_id))
    first = asyncio.create_task(stage.deliverer(retry_after=()).deliver_due())
    await eventually(lambda: len(receiver.requests) == 1, what="the attempt in flight")
    stage.pass_time(LEASE.total_seconds())
    await stage.deliverer().deliver_due()
    go_on.set()
    await first
    assert await states(stage) == ["delivered"]
    assert await stage.said("notifier.webhook.message_dead.v1") == []


async def test_a_secret_that_cannot_be_opened_stops_no_other_endpoint(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    """As after a change of the sealing key; what it holds back goes once the key is there again."""
    broken, _ = await stage.subscribe(tenant_id, receiver.url)
    await stage.subscribe(tenant_id, receiver.url)
    sql = "update notifier.endpoint set sealed_secret = $1 where endpoint_id = $2"
    await stage.admin.execute(sql, os.urandom(60), broken)
    await stage.hear(activated(tenant_id))
    with capture_logs() as logs:
        assert await stage.deliverer().deliver_due() == 2
    assert [entry["event"] for entry in logs] == ["deliverer.failed"]
    assert len(receiver.requests) == 1
    assert sorted(await states(stage)) == ["delivered", "pending"]


async def test_what_is_due_for_a_deleted_endpoint_is_dead_at_once(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    await stage.subscribe(tenant_id, receiver.url)
    await stage.hear(activated(tenant_id))
    await stage.admin.execute("update notifier.endpoint set state = 'deleted'")
    await stage.deliverer().deliver_due()
    assert receiver.requests == []
    [died] = await stage.said("notifier.webhook.message_dead.v1")
    assert (died["reason"], died["attempts"]) == ("disabled", 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_production_calls_nothing_private_even_if_an_endpoint_says_so(
    stage: Stage, receiver: Peer, tenant_id: UUID, scheme: str
) -> None:
    """Checked at each attempt: what a name leads to may have changed since the endpoint was added."""
    await stage.subscribe(tenant_id, f"{scheme}://127.0.0.1:{receiver.port}/")
    await stage.subscribe(tenant_id, f"{scheme}://localhost/")
    await stage.hear(activated(tenant_id))
    deliverer = stage.deliverer(mode="production", allow_private_endpoints=False)
    for _ in range(3):
        await deliverer.deliver_due()
        stage.pass_time(2 * FIRST_WAIT)
    assert receiver.requests == []
    assert {row["error"] for row in await stage.rows("attempt")} == {"blocked"}
    died = await stage.said("notifier.webhook.message_dead.v1")
    assert [event["reason"] for event in died] == ["blocked", "blocked"]


async def test_the_address_that_was_checked_is_the_one_dialled(
    stage: Stage, receiver: Peer, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the second time it is asked for: it is asked for once."""
    asked: list[str] = []
    original = asyncio.get_running_loop().getaddrinfo

    async def resolve(host: Any, port: Any, **named: Any) -> Any:
        if host != "hooks.customer.example":
            return await original(host, port, **named)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "192.0.2.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    await stage.subscribe(tenant_id, f"http://hooks.customer.example:{receiver.port}/in?a=b%20c")
    await stage.hear(activated(tenant_id))
    await stage.deliverer().deliver_due()
    assert asked == ["hooks.customer.example"]
    [request] = receiver.requests
    assert (request.path, request.headers["host"]) == (
        "/in?a=b%20c",
        f"hooks.customer.example:{receiver.port}",
    )
    [attempt] = await stage.rows("attempt")
    assert attempt["address"] == "127.0.0.1"


async def test_a_certificate_of_nobody_we_trust_is_refused(
    stage: Stage, receiver: Peer, tenant_id: UUID, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(receiver._accept, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    await stage.subscribe(tenant_id, f"https://127.0.0.1:{port}/")
    await stage.hear(activated(tenant_id))
    await stage.deliverer().deliver_due()
    server.close()
    assert receiver.requests == []
    assert [row["error"] for row in await stage.rows("attempt")] == ["tls"]


async def test_no_connection_serves_two_names(stage: Stage, receiver: Peer, tenant_id: UUID) -> None:
    """Behind one address several names may live; a kept connection was proven for one of them."""
    receiver.answer = answering(200, b"ok")
    await stage.subscribe(tenant_id, receiver.url)
    await stage.hear(activated(tenant_id))
    await stage.deliverer().deliver_due()
    await eventually(lambda: not receiver._connections, what="the connection's end")


async def test_an_endpoint_at_an_ipv6_address_is_called_by_its_name(stage: Stage, tenant_id: UUID) -> None:
    receiver = Peer()
    receiver._connections = set()
    server = await asyncio.start_server(receiver._accept, "::1", 0)
    port = server.sockets[0].getsockname()[1]
    await stage.subscribe(tenant_id, f"http://[::1]:{port}/")
    await stage.hear(activated(tenant_id))
    await stage.deliverer().deliver_due()
    server.close()
    [request] = receiver.requests
    assert request.headers["host"] == f"[::1]:{port}"
