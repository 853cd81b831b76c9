"""Webhooks against real receivers: Standard Webhooks, three attempts, nothing followed, nothing unbounded."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.infra import eventually
from tests.integration.notifier.happened import activated
from tests.integration.notifier.peer import Answer, Peer, Request, answering, silence
from tests.integration.notifier.stage import Stage
from tests.ports import free_port

FIRST_WAIT, SECOND_WAIT = 36.0, 72.0
"""Seconds that are past the waits of the stage, jitter included."""


async def states(stage: Stage) -> list[str]:
    return [row["state"] for row in await stage.rows("message")]


async def attempts(stage: Stage) -> list[tuple[int | None, str | None]]:
    """Status and error of each attempt."""
    rows = sorted(await stage.rows("attempt"), key=lambda row: row["number"])
    return [(row["status"], row["error"]) for row in rows]


async def exhaust(stage: Stage, **changes: Any) -> None:
    deliverer = stage.deliverer(**changes)
    for wait in (FIRST_WAIT, SECOND_WAIT, 1000.0, 1000.0):
        await deliverer.deliver_due()
        stage.pass_time(wait)


async def test_a_message_arrives_signed_as_the_standards_own_library_wants_it(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    _, secret = await stage.subscribe(tenant_id, receiver.url)
    await stage.hear(activated(tenant_id))
    assert await stage.deliverer().deliver_due() == 1
    [request] = receiver.requests
    told = Webhook(secret).verify(request.body, request.headers)
    assert told["type"] == "tenant.activated"
    assert (request.method, request.path) == ("POST", "/hooks?from=tenantry")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (await states(stage), await attempts(stage)) == (["delivered"], [(204, None)])
    assert await stage.deliverer().deliver_due() == 0


@pytest.mark.parametrize(
    "changed", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"]
)
async def test_tampering_is_seen(stage: Stage, receiver: Peer, tenant_id: UUID, changed: str) -> None:
    _, secret = await stage.subscribe(tenant_id, receiver.url)
    _, another = await stage.subscribe(tenant_id, receiver.url, "nothing")
    await stage.hear(activated(tenant_id))
    await stage.deliverer().deliver_due()
    [request] = receiver.requests
    headers, body = dict(request.headers), request.body
    if changed == "body":
        body = body.replace(b"acme", b"evil")
    elif changed == "webhook-timestamp":
        headers[changed] = str(int(headers[changed]) - 1)
    elif changed in headers:
        headers[changed] = headers[changed][:-3] + "AA="
    with pytest.raises(WebhookVerificationError):
        Webhook(another if changed == "secret" else secret).verify(body, headers)


async def test_a_failure_is_tried_again_with_the_same_id_and_bytes(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    _, secret = await stage.subscribe(tenant_id, receiver.url)
    receiver.script = [answering(500, b"oops")]
    await stage.hear(activated(tenant_id))
    deliverer = stage.deliverer()
    await deliverer.deliver_due()
    assert await states(stage) == ["pending"]
    stage.pass_time(20)
    assert await deliverer.deliver_due() == 0, "not before its time"
    stage.pass_time(16)
    await deliverer.deliver_due()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 36
    assert Webhook(secret).verify(second.body, second.headers) == orjson.loads(first.body)
    assert (await states(stage), await attempts(stage)) == (["delivered"], [(500, "http_5xx"), (204, None)])


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "http_5xx"),
        (503, "http_5xx"),
        (400, "http_4xx"),
        (410, "http_4xx"),
        (999, "http_5xx"),
        (301, "http_3xx"),
    ],
)
async def test_after_three_attempts_it_is_given_up_and_said_once(
    stage: Stage, receiver: Peer, tenant_id: UUID, status: int, reason: str
) -> None:
    endpoint_id, _ = await stage.subscribe(tenant_id, receiver.url)
    receiver.answer = answering(status, b"\x00no\xff" * 400)
    await stage.hear(activated(tenant_id))
    await exhaust(stage)
    assert len(receiver.requests) == 3
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert (await states(stage), await attempts(stage)) == (["dead"], [(status, reason)] * 3)
    [died] = await stage.said("notifier.webhook.message_dead.v1")
    message_id = receiver.requests[0].headers["webhook-id"]
    assert (died["message_id"], died["endpoint_id"]) == (message_id, str(endpoint_id))
    assert (died["reason"], died["attempts"], died["tenant_id"]) == (reason, 3, str(tenant_id))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(stage: Stage, receiver: Peer, tenant_id: UUID, status: int) -> None:
    async with Peer() as elsewhere:
        await stage.subscribe(tenant_id, receiver.url)
        receiver.answer = answering(status, location=elsewhere.url)
        await stage.hear(activated(tenant_id))
        await stage.deliverer().deliver_due()
        assert len(receiver.requests) == 1
        assert elsewhere.requests == []
    assert await attempts(stage) == [(status, "http_3xx")]


async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answers without end."""
    writer.write(b"HTTP/1.1 200 so\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that no single read is late."""
    writer.write(b"HTTP/1.1 200 so\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def nonsense(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.a.example ESMTP\r\n")
    writer.close()


async def test_an_answer_without_end_is_read_to_its_bound(
    stage: Stage, receiver: Peer, tenant_id: UUID
) -> None:
    await stage.subscribe(tenant_id, receiver.url)
    receiver.answer = flood
    await stage.hear(activated(tenant_id))
    await asyncio.wait_for(stage.deliverer().deliver_due(), 10)
    [attempt] = await stage.rows("attempt")
    assert (attempt["status"], attempt["snippet"]) == (200, "x" * 500)


@pytest.mark.parametrize(
    ("answer", "error"), [(silence, "timeout"), (drip, "timeout"), (nonsense, "connect")]
)
async def test_a_receiver_that_does_not_answer_costs_an_attempt_and_no_more(
    stage: Stage, receiver: Peer, tenant_id: UUID, answer: Answer, error: str
) -> None:
    await stage.subscribe(tenant_id, receiver.url)
    receiver.script = [answer]
    await stage.hear(activated(tenant_id))
    deliverer = stage.deliverer(total_seconds=0.3)
    await asyncio.wait_for(deliverer.deliver_due(), 5)
    assert await attempts(stage) == [(None, error)]
    stage.pass_time(FIRST_WAIT)
    await deliverer.deliver_due()
    assert await states(stage) == ["delivered"]


async def test_nobody_there_and_no_such_name_are_told_apart(stage: Stage, tenant_id: UUID) -> None:
    await stage.subscribe(tenant_id, f"http://127.0.0.1:{free_port()}/", "tenant.*")
    await stage.hear(activated(tenant_id))
    await stage.admin.execute("update notifier.endpoint set url = 'https://nobody.invalid/'")
    deliverer = stage.deliverer()
    await deliverer.deliver_due()
    await stage.admin.execute("update notifier.endpoint set url = $1", f"http://127.0.0.1:{free_port()}/")
    stage.pass_time(FIRST_WAIT)
    await deliverer.deliver_due()
    assert await attempts(stage) == [(None, "dns"), (None, "connect")]


async def test_a_slow_endpoint_delays_no_other(
    stage: Stage, receiver: Peer, tenant_id: UUID, run_part: Callable[[Any], None]
) -> None:
    async with Peer(answer=silence) as slow:
        await stage.subscribe(tenant_id, slow.url)
        await stage.hear(activated(tenant_id))
        run_part(stage.deliverer())
        await eventually(lambda: len(slow.requests) == 1, what="the slow one was called")
        await stage.subscribe(tenant_id, receiver.url)
        await stage.hear(activated(tenant_id))
        await eventually(lambda: len(receiver.requests) == 1, 5, "the other was called")
