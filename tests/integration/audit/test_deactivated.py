"""A deactivated member's token opens the log no more, though it has not expired."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx

from chassis.bus import Bus
from tests.infra import eventually
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.member_words import deactivated, joined
from tests.integration.chassis.numbered_events import numbered, publish

TENANT = UUID("019b0000-0000-7000-8000-000000000001")


async def test_a_deactivated_member_is_refused_as_soon_as_audit_hears_of_it_until_it_is_back(
    audit: httpx.AsyncClient, issuer: TestIssuer, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    registry, member, operator = await bus("registry"), issuer.member(TENANT), issuer.operator()
    url = f"/v1/tenants/{TENANT}/audit/records"

    async def answers(status: int) -> bool:
        return (await audit.get(url, headers=member)).status_code == status

    await publish(registry, [numbered(1, tenant=TENANT)])
    await eventually(lambda: answers(200), what="the first record")
    await publish(registry, [deactivated(TENANT, "someone", 2, version=2)])
    await eventually(lambda: answers(401), what="the refusal")
    answer = await audit.get(url, headers=member)
    assert answer.json()["code"] == "CHASSIS.UNAUTHORIZED"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    told = (await audit.get(url, headers=operator)).json()["records"]
    assert "registry.member.deactivated.v1" in [record["action"] for record in told]
    await publish(registry, [joined(TENANT, "someone", 3, version=3)])
    await eventually(lambda: answers(200), what="the return")
