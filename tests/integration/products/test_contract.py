"""The product contract on whole processes: who may call, what is erased, what a reset restores, what acts once."""

import asyncio
import signal
from functools import partial
from uuid import uuid4

import pytest

from chassis.ids import uuid7
from contracts.capabilities import DEMO_TENANT_ID
from contracts.products import PROBE_TENANT_ID, checksum_of
from services.registry.products.client import (
    Product,
    ProductRefused,
    ProductUnclear,
    ProductUnreachable,
)
from tenantry.stack.folder import PRODUCTS
from tests.infra import eventually
from tests.integration.bff.stage import nowhere
from tests.integration.products.stage import Running, Town, queue_of
from tests.ports import free_port

GUARDED = (
    ("GET", "/v1/usage"),
    ("POST", f"/v1/tenants/{PROBE_TENANT_ID}/export"),
    ("DELETE", f"/v1/tenants/{PROBE_TENANT_ID}/data"),
    ("POST", "/v1/tenants/demo/reset"),
    ("POST", f"/v1/tenants/{PROBE_TENANT_ID}/actions/flush_queue"),
)
ASKED = {"action_id": str(uuid4()), "requested_by": "me"}


async def status(town: Town, running: Running, method: str, path: str, headers: dict[str, str]) -> int:
    body = ASKED if "/actions/" in path else None
    answer = await town.http.request(method, running.url + path, json=body, headers=headers)
    return answer.status_code


async def test_only_the_registry_with_a_token_for_this_product_is_let_in(town: Town) -> None:
    running = await town.start_product("notetaker")
    member = {
        "organization": {"acme": {"id": "o", "tenant_id": [str(PROBE_TENANT_ID)]}},
        "groups": ["/IT_ADMIN"],
    }
    callers = [
        ({}, 401),
        ({"Authorization": "Bearer made.up.token"}, 401),
        (town.signed("service:registry", audience="ai_console"), 401),
        (town.signed("service:registry", audience="registry"), 401),
        (town.signed("service:sync", audience="notetaker"), 403),
        (town.signed("service:product:notetaker", audience="notetaker"), 403),
        (town.signed("PLATFORM_ADMIN", audience="notetaker"), 403),
        (town.signed(audience="notetaker", **member), 403),
    ]
    for method, path in GUARDED:
        for headers, expected in callers:
            assert await status(town, running, method, path, headers) == expected, (path, headers)
        good = town.signed("service:registry", audience="notetaker")
        assert await status(town, running, method, path, good) == 200


async def test_the_issuer_gives_tokens_for_products_that_it_knows(town: Town) -> None:
    running = await town.start_product("notetaker")
    token = await town.tokens("registry").token("notetaker")
    headers = {"Authorization": f"Bearer {token}"}
    assert await status(town, running, "GET", "/v1/usage", headers) == 200
    with pytest.raises(Exception, match="no token for payroll"):
        await town.tokens("registry").token("payroll")


async def test_while_no_token_can_be_verified_nobody_is_let_in(town: Town) -> None:
    running = await town.start_product("notetaker", TENANTRY_OIDC_ISSUER=nowhere())
    good = town.signed("service:registry", audience="notetaker")
    for method, path in GUARDED:
        assert await status(town, running, method, path, good) == 503


async def test_an_erasure_deletes_everything_and_says_what_it_was(town: Town) -> None:
    for running in await asyncio.gather(*(town.start_product(key) for key in PRODUCTS)):
        await erased(town, running)


async def erased(town: Town, running: Running) -> None:
    client = town.client()
    await client.reset_demo(running.product)
    reset = await client.reset_probe(running.product)
    before = await client.export(running.product, PROBE_TENANT_ID)
    assert (before.counts, before.checksum) == (reset.counts, reset.checksum)
    assert before.checksum == checksum_of(before.collections)
    said = await client.erase(running.product, PROBE_TENANT_ID)
    retained = {one.collection: one.count for one in said.retained}
    assert said.erased | retained == before.counts
    assert not said.erased.keys() & retained.keys()
    after = await client.export(running.product, PROBE_TENANT_ID)
    assert after.counts == retained
    assert await client.usage(running.product, PROBE_TENANT_ID) == {}
    assert await client.erase(running.product, PROBE_TENANT_ID) == said
    demo = await client.export(running.product, DEMO_TENANT_ID)
    assert demo.checksum == reset.checksum, "another tenant lost something"


async def test_what_was_erased_is_in_no_file_any_more(town: Town) -> None:
    running = await town.start_product("notetaker")
    client = town.client()
    await client.reset_probe(running.product)
    assert b"Minutes of meeting 2" in running.written()
    await client.erase(running.product, PROBE_TENANT_ID)
    assert b"Minutes of meeting" not in running.written()


async def test_a_reset_leaves_the_fixtures_and_nothing_else(town: Town) -> None:
    running = await town.start_product("ai_console")
    client = town.client()
    first = await client.reset_demo(running.product)
    await client.act(running.product, DEMO_TENANT_ID, "reset_state", uuid7(), "me")
    changed = await client.export(running.product, DEMO_TENANT_ID)
    assert changed.checksum != first.checksum
    assert await client.reset_demo(running.product) == first
    assert first.tenant_id == DEMO_TENANT_ID
    assert (await client.export(running.product, PROBE_TENANT_ID)).counts == {}


async def test_an_action_acts_once_however_often_and_at_once_it_is_sent_also_after_a_kill(town: Town) -> None:
    running = await town.start_product("compliance_suite")
    client = town.client()
    await town.seed(running)
    id_ = uuid7()

    async def rotate() -> object:
        return await client.act(running.product, PROBE_TENANT_ID, "rotate_keys", id_, "me")

    answers = await asyncio.gather(*(rotate() for _ in range(8)))
    running.process.signal(signal.SIGKILL)
    await running.process.ended()
    await town.restart(running)
    answers.append(await rotate())
    assert all(answer == answers[0] for answer in answers)
    export = await client.export(running.product, PROBE_TENANT_ID)
    assert export.collections["signing_keys"] == [{"id": "k1", "version": 2}]
    with pytest.raises(ProductRefused):
        await client.act(running.product, PROBE_TENANT_ID, "flush_queue", uuid7(), "me")


async def test_usage_is_told_by_tenant_and_page(town: Town) -> None:
    running = await town.start_product("notetaker")
    await town.client().reset_demo(running.product)
    await town.seed(running)
    headers = town.signed("service:registry", audience="notetaker")

    async def page(**asked: str) -> list[dict[str, object]]:
        answer = await town.http.get(f"{running.url}/v1/usage", params=asked, headers=headers)
        found: list[dict[str, object]] = answer.raise_for_status().json()["tenants"]
        return found

    everybody = await page()
    ids = sorted(map(str, (DEMO_TENANT_ID, PROBE_TENANT_ID)))
    assert everybody == [{"tenant_id": id_, "metrics": {"minutes": 188}} for id_ in ids]
    assert await page(most="1") == everybody[:1]
    assert await page(after=ids[0]) == everybody[1:]
    assert await page(tenant_id=str(uuid4())) == []


async def test_a_product_can_be_told_to_fail_to_be_slow_and_to_lie(town: Town) -> None:
    running = await town.start_product("notetaker")
    client, hasty = town.client(), town.client(seconds=1.0)
    await town.seed(running)
    await town.behave(running, "fail")
    with pytest.raises(ProductUnreachable):
        await client.act(running.product, PROBE_TENANT_ID, "flush_queue", uuid7(), "me")
    assert queue_of(running) == 1
    await town.behave(running, "slow", 3)
    with pytest.raises(ProductUnclear, match=r"no answer within|broke off"):
        await hasty.act(running.product, PROBE_TENANT_ID, "flush_queue", uuid7(), "me")
    await eventually(lambda: queue_of(running) == 0, what="a slow product does what it was asked")
    await town.behave(running, "lie")
    said = await client.erase(running.product, PROBE_TENANT_ID)
    assert (said.erased, (await client.export(running.product, PROBE_TENANT_ID)).counts) == (said.erased,) * 2
    await town.behave(running, "miscount")
    assert (await client.erase(running.product, PROBE_TENANT_ID)).erased != said.erased
    assert (await client.export(running.product, PROBE_TENANT_ID)).counts == {}


async def test_in_production_nothing_tells_a_product_to_misbehave(town: Town) -> None:
    running = await town.start_product(
        "notetaker", TENANTRY_MODE="production", TENANTRY_PRODUCT_BEHAVIOUR="fail"
    )
    answer = await town.http.put(f"{running.url}/control/behaviour", json={"how": "lie"})
    assert answer.status_code == 404
    assert (await town.client().health(running.product)).status == "ok"


async def liar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()  # the caller had enough


UNCLEAR = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status": "ok"',
    b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 300_000,
    b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"nonsense",
    b"",
)


async def test_an_answer_that_says_nothing_clear_is_unclear(town: Town) -> None:
    client = town.client(seconds=2.0, most_bytes=100_000)
    for answer in UNCLEAR:
        server = await asyncio.start_server(partial(liar, answer=answer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProductUnclear):
            await client.health(Product("notetaker", f"http://127.0.0.1:{port}"))
        server.close()


async def test_what_was_never_sent_did_nothing(town: Town) -> None:
    with pytest.raises(ProductUnreachable):
        await town.client().health(Product("notetaker", f"http://127.0.0.1:{free_port()}"))
