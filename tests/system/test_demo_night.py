"""Nights of the demo tenant: when each was foretold, what the product was asked, what was said and recorded."""

from collections.abc import AsyncIterator

import pytest

from contracts.capabilities import DEMO_TENANT_ID
from tests.integration.notifier.outside import Issuer
from tests.integration.notifier.peer import Peer
from tests.integration.registry.demo_stage import DemoStage, says
from tests.system.lives import Chronicle
from tests.system.test_lives import SYSTEM, chronicle

__all__ = ["chronicle"]
MORNINGS = ("2026-03-02T02:00:00", "2026-03-03T02:00:00")  # 03:00 in Berlin, the first after the beginning


@pytest.fixture
async def stage(chronicle: Chronicle) -> AsyncIterator[DemoStage]:
    issuer = Issuer()
    async with issuer.peer:
        found = DemoStage(chronicle.life, issuer)
        yield found
        await found.close()


async def test_two_nights_of_the_demo_tenant(chronicle: Chronicle, stage: DemoStage) -> None:
    async with Peer(answer=says()) as product:
        node = stage.node()
        await node.ensure()
        await stage.product("ai_console", product)
        for morning in MORNINGS:
            foretold = (await stage.open())["due_at"]
            stage.go_to(morning)
            assert foretold == stage.life.clock.now(), "as it was foretold"
            assert await node.run_due() == "done"
            assert await node.run_due() is None, "once"
        asked = [(request.method, request.path, request.body) for request in product.requests]
    assert asked == [("POST", "/v1/tenants/demo/reset", b"")] * 2
    said = await chronicle.life.said(DEMO_TENANT_ID)
    first, second = [data for verb, data in said if verb == "demo.reset"]
    assert said[-1] == ("demo.reset", second), "nothing had to be put back in the second night"
    assert (first["night"], second["night"]) == ("2026-03-02", "2026-03-03")
    assert (first["finished_at"], second["finished_at"]) == ("2026-03-02T02:00:00Z", "2026-03-03T02:00:00Z")
    assert (first["checksum"], first["records"]) == (second["checksum"], second["records"]), "the same again"
    records = await Chronicle(chronicle.life, chronicle.log, DEMO_TENANT_ID).recorded(len(said))
    kept = [(record["type"], record["data"], record["actor"]) for record in records]
    assert kept == [(f"registry.{verb}.v1", data, SYSTEM) for verb, data in said]
    assert {record["tenant_id"] for record in records} == {str(DEMO_TENANT_ID)}
