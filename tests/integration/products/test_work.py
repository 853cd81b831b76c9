"""Work with an API key: verified at the registry, counted once in every case, reported under the product's own name."""

import asyncio
import random
import signal
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.registry.usage.store import queries
from tests.infra import eventually
from tests.integration.products.lossy_line import LossyLine
from tests.integration.products.stage import Running, Town
from tests.integration.registry.life import BEGAN, Life

pytestmark = pytest.mark.timeout(180)


async def new_key(town: Town, registry: str, tenant_id: UUID, product: str) -> dict[str, Any]:
    body = {"name": "Work", "product": product, "scopes": ["write"]}
    answer = await town.http.post(
        f"{registry}/v1/tenants/{tenant_id}/api-keys", json=body, headers=town.signed("PLATFORM_ADMIN")
    )
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def work(town: Town, running: Running, key: str, work_id: UUID, **body: Any) -> httpx.Response:
    sent = {"work_id": str(work_id), "text": "Breakfast at seven", **body}
    headers = {"Authorization": f"Bearer {key}"}
    return await town.http.post(f"{running.url}/v1/work", json=sent, headers=headers)


async def counted(life: Life, tenant_id: UUID) -> dict[tuple[str, str], int]:
    """(product, metric) → total at the registry."""
    async with life.database.reading(tenant_id) as tx:
        found = [
            row async for row in queries.series(tx, tenant_id=tenant_id, product_key=None, since=BEGAN.date())
        ]
    return {(row["product_key"], row["metric"]): row["quantity"] for row in found}


@pytest.mark.long
async def test_every_piece_of_work_counts_exactly_once_while_the_product_is_killed_and_answers_are_lost(
    whole_town: Town, life: Life, tenant_id: UUID
) -> None:
    town = whole_town
    registry, _ = await town.start_registry("one")
    line = LossyLine(registry, b"POST /internal/usage", losses=4)
    await line.open()
    town.closing.append(line.close)
    running = await town.start_product("notetaker", registry=line.url)
    key = (await new_key(town, registry, tenant_id, "notetaker"))["key"]
    todo = [uuid4() for _ in range(60)]
    dice = random.Random(7)  # noqa: S311  # a fault plan
    kills = 0

    async def hand_in(work_id: UUID) -> None:
        while True:
            try:
                answer = await work(town, running, key, work_id, quantity=2)
            except httpx.TransportError:
                await asyncio.sleep(0.05)  # not a wait for a condition: a client's pause between two tries
                continue
            assert answer.status_code == 201, answer.text
            return

    async def kill_now_and_then() -> None:
        nonlocal kills
        while len(done) < len(todo):
            await asyncio.sleep(dice.uniform(0.2, 0.5))
            running.process.signal(signal.SIGKILL)
            await running.process.ended()
            await town.restart(running)
            kills += 1

    done: list[UUID] = []
    killing = asyncio.create_task(kill_now_and_then())
    for one in todo:
        await hand_in(one)
        await hand_in(one)  # a client that lost the answer
        done.append(one)
        await asyncio.sleep(0.02)
    await killing

    async def is_all_there() -> bool:
        return await counted(life, tenant_id) == {("notetaker", "minutes"): 2 * len(todo)}

    await eventually(is_all_there, 30, "all of the work at the registry")
    assert (kills >= 2, line.losses) == (True, 0)
    await eventually(
        lambda: running.rows("select count(*) from batch") == [(0,)], what="nothing left to report"
    )
    assert await is_all_there()
    assert len(running.rows("select id from record where collection = 'notes'")) == len(todo)


async def test_keys_that_are_not_good_open_nothing(whole_town: Town, life: Life, tenant_id: UUID) -> None:
    town = whole_town
    registry, process = await town.start_registry("one", KEY_CACHE_SECONDS="1")
    running = await town.start_product("notetaker", registry=registry)
    key = await new_key(town, registry, tenant_id, "notetaker")
    foreign = await new_key(town, registry, tenant_id, "ai_console")
    unseen = await new_key(town, registry, tenant_id, "notetaker")

    async def answer(key: str) -> tuple[int, str]:
        said = await work(town, running, key, uuid4())
        return said.status_code, str(said.json().get("reason", ""))

    assert await answer(key["key"]) == (201, "")
    assert await answer(foreign["key"]) == (403, "WRONG_PRODUCT")
    assert await answer("tk_live_nonsense") == (401, "INVALID_FORMAT")
    assert (await answer("x" * 5000))[0] == 401
    await life.freeze(tenant_id)

    async def is_frozen() -> bool:
        return await answer(key["key"]) == (402, "TENANT_FROZEN")

    await eventually(is_frozen, what="402 once the kept answer has ended")
    process.signal(signal.SIGKILL)
    assert (await answer(unseen["key"]))[0] == 503


async def test_a_product_reports_for_itself_alone(whole_town: Town, life: Life, tenant_id: UUID) -> None:
    town = whole_town
    registry, _ = await town.start_registry("one")
    token = await town.tokens("product:ai_console").token("registry")
    headers = {"Authorization": f"Bearer {token}"}
    item = {"metric": "minutes", "quantity": 5, "at": datetime.now(UTC).isoformat()}
    batch = {"batch_id": str(uuid4()), "tenant_id": str(tenant_id), "items": [item]}
    url = f"{registry}/internal/usage"
    named = await town.http.post(url, json={**batch, "product": "notetaker"}, headers=headers)
    assert named.status_code == 422
    assert (await town.http.post(url, json=batch, headers=headers)).json() == {"outcome": "counted"}
    assert await counted(life, tenant_id) == {("ai_console", "minutes"): 5}
    for stranger in ("service:registry", "PLATFORM_ADMIN"):
        assert (await town.http.post(url, json=batch, headers=town.signed(stranger))).status_code == 403
    with pytest.raises(Exception, match="no token for registry"):
        await impostor(town).token("registry")


def impostor(town: Town) -> Any:
    """The ai_console with the name of the notetaker."""
    found = town.tokens("product:notetaker")
    found._key = town.issuer.keys["product:ai_console"]
    return found
