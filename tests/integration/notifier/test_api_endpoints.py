"""The notifier's HTTP: a tenant's endpoints and their secrets, its deliveries and mails."""

from typing import Any
from uuid import UUID

import httpx
import orjson
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from chassis.ids import uuid7
from tests.integration.notifier.asking import ALL, problem
from tests.integration.notifier.happened import activated, entitled
from tests.integration.notifier.peer import Peer, answering
from tests.integration.notifier.stage import Stage


async def test_the_key_of_a_request_is_required_and_stands_for_one_request(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    asked: dict[str, Any] = {"url": "http://127.0.0.1:9/in", "event_types": ["*"]}
    for key in ("", "x" * 256):
        answer = await client.post("/webhook-endpoints", json=asked, headers={"idempotency-key": key})
        problem(answer, 400, "CHASSIS.IDEMPOTENCY_KEY_REQUIRED")
    first = await client.post("/webhook-endpoints", json=asked)
    again = await client.post("/webhook-endpoints", json=asked)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await client.post("/webhook-endpoints", json={**asked, "event_types": ["tenant.*"]})
    problem(other, 422, "CHASSIS.IDEMPOTENCY_KEY_REUSED")
    assert len(await stage.rows("endpoint")) == 1


async def test_a_secret_is_shown_when_it_is_made_and_kept_sealed_alone(
    stage: Stage, client: httpx.AsyncClient, receiver: Peer, tenant_id: UUID
) -> None:
    asked = {"url": receiver.url, "event_types": ["*"]}
    receiver.answer = answering(500)
    with capture_logs() as logs:
        made = (await client.post("/webhook-endpoints", json=asked)).json()
        shown = [await client.post("/webhook-endpoints", json={**asked, "x": 1})]
        await stage.hear(activated(tenant_id))
        for wait in (36.0, 72.0, 0.0):
            await stage.deliverer().deliver_due()
            stage.pass_time(wait)
        shown += [await client.get(path) for _, path in ALL if path != ALL[2][1]]
        shown.append(await client.delete(f"/webhook-endpoints/{made['id']}"))
        # The retry of a request whose answer was lost still answers; what it made is gone by now, its secret too.
        shown.append(await client.post("/webhook-endpoints", json=asked))
    assert Webhook(made["secret"]).verify(receiver.requests[0].body, receiver.requests[0].headers)
    assert [answer.status_code for answer in shown] == [422, 200, 200, 200, 200, 204, 201]
    key = made["secret"].removeprefix("whsec_")
    assert key not in "".join(answer.text for answer in shown) + str(logs) + await stage.everything()
    assert len(await stage.said("notifier.webhook.message_dead.v1")) == 1


async def test_an_endpoint_is_listed_until_it_is_removed_by_its_own_tenant(
    stage: Stage, client: httpx.AsyncClient, tenant_id: UUID
) -> None:
    asked = {"url": "http://127.0.0.1:9/in", "event_types": ["tenant.*"]}
    made = (await client.post("/webhook-endpoints", json=asked)).json()
    other, _ = await stage.subscribe(uuid7(), "http://127.0.0.1:9/in")
    [listed] = (await client.get("/webhook-endpoints")).json()["endpoints"]
    assert {name: listed[name] for name in ("endpoint_id", "url", "event_types", "state")} == {
        "endpoint_id": made["id"], **asked, "state": "active",
    }  # fmt: skip
    for unknown in (uuid7(), other):
        answer = await client.delete(f"/webhook-endpoints/{unknown}")
        problem(answer, 404, "NOTIFIER.ENDPOINT_NOT_FOUND")
    problem(await client.delete("/webhook-endpoints/x"), 422, "CHASSIS.INVALID")
    assert (await client.delete(f"/webhook-endpoints/{made['id']}")).status_code == 204
    problem(await client.delete(f"/webhook-endpoints/{made['id']}"), 404, "NOTIFIER.ENDPOINT_NOT_FOUND")
    assert (await client.get("/webhook-endpoints")).json() == {"endpoints": []}


async def test_what_became_of_messages_and_mails_is_shown_to_their_tenant_alone(
    stage: Stage, client: httpx.AsyncClient, receiver: Peer, tenant_id: UUID
) -> None:
    stage.registry.add("ada@a.example", "fr")
    receiver.script = [answering(500, b'{"no": "\xff\x00"}')]
    for tenant in (tenant_id, uuid7()):
        await stage.subscribe(tenant, receiver.url, "tenant.*")
        await stage.hear(activated(tenant), entitled(tenant))
    await stage.mailer().send_due()
    deliverer = stage.deliverer()
    await deliverer.deliver_due()
    stage.pass_time(36.0)
    await deliverer.deliver_due()
    mine = [row["message_id"] for row in await stage.rows("message") if row["tenant_id"] == tenant_id]
    rows = (await client.get("/webhook-deliveries")).json()["deliveries"]
    assert {row["message_id"] for row in rows} == set(mine)
    assert rows[-1]["status"] == 204
    mails = (await client.get("/mails")).json()["mails"]
    assert [(row["state"], row["locale"], row["template"]) for row in mails] == [
        ("accepted", "fr", "subscription_active")
    ]
    assert "a.example" not in orjson.dumps(mails).decode()
    assert len((await client.get("/mails?page_size=1")).json()["mails"]) == 1
