"""A deactivated member's token changes no webhook any more, though it has not expired."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import httpx

from chassis.bus import Bus
from chassis.outgoing import http_client
from services.notifier.app import compose
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.chassis.member_words import deactivated, joined
from tests.integration.chassis.numbered_events import publish
from tests.integration.notifier.outside import Issuer, Registry, admin_of
from tests.integration.notifier.stage import settings_for
from tests.ports import free_port


async def test_a_deactivated_member_is_refused_as_soon_as_the_notifier_hears_of_it_until_it_is_back(
    service_dsns: Callable[[str], ServiceDsns],
    nats_server: TestNats,
    bus: Callable[[str], Awaitable[Bus]],
    issuer: Issuer,
    registry: Registry,
    tenant_id: UUID,
    tmp_path: Path,
) -> None:
    port = free_port()
    place = {"TENANTRY_NATS_URL": nats_server.url, "nats_seed": nats_server.seed("notifier"), "port": port}
    settings = settings_for(
        service_dsns("notifier"), issuer.url, registry.peer.origin, tmp_path / "mail", **place
    )
    stop = asyncio.Event()
    running = asyncio.create_task(compose(settings).run(stop))
    token = issuer.token(**admin_of(tenant_id, "IT_ADMIN"), sub="ann")
    says = await bus("registry")
    async with http_client(base_url=f"http://127.0.0.1:{port}") as http:

        async def answers(status: int) -> bool:
            with contextlib.suppress(httpx.TransportError):
                answer = await http.get(
                    f"/v1/tenants/{tenant_id}/mails", headers={"Authorization": f"Bearer {token}"}
                )
                return answer.status_code == status
            return False

        await eventually(lambda: answers(200), 30, "the notifier")
        await publish(says, [deactivated(tenant_id, "ann", 1, version=2)])
        await eventually(lambda: answers(401), what="the refusal")
        await publish(says, [joined(tenant_id, "ann", 2, version=3)])
        await eventually(lambda: answers(200), what="the return")
    stop.set()
    await running
