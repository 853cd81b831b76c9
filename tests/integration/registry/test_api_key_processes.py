"""Two whole processes of the registry: one revokes, the other refuses; and nothing that is written holds a secret."""

import asyncio
import base64
import hmac
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from chassis.bus import Bus
from chassis.outgoing import http_client
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.bff.stage import Issuer, Process, answers, nowhere
from tests.integration.registry.key_stage import ISSUED, PEPPER, VERIFY
from tests.integration.registry.life import BEGAN, Life
from tests.ports import free_port

TABLES = """
select c.relname from pg_class c
where c.relnamespace = 'registry'::regnamespace and c.relkind = 'r' and c.relname <> 'api_key'
"""


@dataclass
class World:
    """An issuer and processes of the registry, each with its log and its traces in a folder."""

    nats: TestNats
    dsns: ServiceDsns
    folder: Path
    issuer: Issuer
    http: httpx.AsyncClient
    processes: list[Process] = field(default_factory=list)

    async def start_issuer(self) -> None:
        log = self.folder / "issuer.log"
        self.processes.append(Process("tenantry.issuer", self.issuer.environment, log))
        await eventually(lambda: answers(f"{self.issuer.origin}/jwks"), 30, "the issuer")

    async def start(self, name: str) -> str:
        """The address of another process."""
        url = f"http://127.0.0.1:{free_port()}"
        own = {
            "DATABASE_URL": self.dsns.database_url,
            "WORKER_DATABASE_URL": self.dsns.worker_database_url,
            "NATS_SEED": self.nats.seed("registry"),
            "SERVICE_KEY": json.dumps(self.issuer.keys["registry"].as_dict(private=True)),
            "PORT": url.rpartition(":")[2],
            "PAGE_TOKEN_KEY": "made-up",
            "KEY_PEPPERS": PEPPER,
            "TRIAL_LINK_KEY": "made-up",
            "KEY_USE_SECONDS": "0.2",
            "ERP_WEBHOOK_SECRET": "made-up",
            "ERP_FOLDER": str(self.folder),
            "IDENTITY_ADMIN_URL": nowhere(),
            "IDENTITY_ADMIN_SECRET": "made-up",
        }
        environment = {
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": self.nats.url,
            "TENANTRY_OIDC_ISSUER": self.issuer.origin,
            "TENANTRY_TELEMETRY": f"file:{self.folder / f'{name}.traces'}",
            **{f"TENANTRY_REGISTRY_{key}": value for key, value in own.items()},
        }
        self.processes.append(Process("services.registry", environment, self.folder / f"{name}.log"))
        await eventually(lambda: answers(f"{url}/readyz"), 30, f"{name} ready")
        return url

    def token(self, *roles: str) -> dict[str, str]:
        claims = {"sub": uuid4().hex, "aud": ["registry"], "realm_access": {"roles": list(roles)}}
        token = self.issuer.sign(claims, time.time(), 300)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}

    async def issue(self, url: str, tenant_id: UUID) -> dict[str, Any]:
        answer = await self.http.post(
            f"{url}/v1/tenants/{tenant_id}/api-keys", json=ISSUED, headers=self.token("PLATFORM_ADMIN")
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def change(self, url: str, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = self.token("PLATFORM_ADMIN") | {"If-Match": '"1"'}
        answer = await self.http.request(method, url + path, json=body or None, headers=headers)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def code(self, url: str, key: str, caller: dict[str, str]) -> str:
        answer = await self.http.post(url + VERIFY, json={"key": key}, headers=caller)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])


@pytest.fixture
async def world(
    nats_server: TestNats, service_dsns: Callable[[str], ServiceDsns], tmp_path: Path
) -> AsyncIterator[World]:
    async with http_client(timeout=20.0) as http:
        found = World(nats_server, service_dsns("registry"), tmp_path, Issuer(tmp_path / "issuer"), http)
        await found.start_issuer()
        yield found
        for process in found.processes:
            process.end()


@pytest.fixture
async def tenant_id(life: Life) -> UUID:
    """A tenant of today: whole processes have the machine's clock."""
    life.clock.advance(datetime.now(UTC) - BEGAN)
    return await life.new_trial()


async def test_a_key_revoked_in_one_process_is_refused_by_another_within_a_second(
    world: World, tenant_id: UUID
) -> None:
    one, other = await asyncio.gather(world.start("one"), world.start("other"))
    caller = world.token("service:product:ai_console")
    took = []
    for _ in range(5):
        key = await world.issue(one, tenant_id)
        for _ in range(3):
            assert await world.code(other, key["key"], caller) == "VALID"
        await world.change(one, "DELETE", f"/v1/tenants/{tenant_id}/api-keys/{key['key_id']}")
        began = time.monotonic()

        async def is_refused(key: str = key["key"]) -> bool:
            return await world.code(other, key, caller) == "REVOKED"

        await eventually(is_refused, 15, "REVOKED in the other process")
        took.append(round((time.monotonic() - began) * 1000))
    assert min(took) < 1000, "a busy machine may be late; always late is another mechanism than news"
    print(f"revoked in one process, refused by another after {took} ms")  # noqa: T201


async def test_no_key_no_pepper_and_no_digest_is_in_logs_traces_events_errors_or_other_tables(
    world: World, tenant_id: UUID, admin: asyncpg.Connection, bus: Callable[[str], Awaitable[Bus]]
) -> None:
    url = await world.start("one")
    caller = world.token("service:product:ai_console")
    first = await world.issue(url, tenant_id)
    path = f"/v1/tenants/{tenant_id}/api-keys"
    second = await world.change(url, "POST", f"{path}/{first['key_id']}/rotation", overlap_hours=1)
    keys = [first["key"], second["key"]]
    for key in keys:
        assert await world.code(url, key, caller) == "VALID"
    told = [await broken(world, url, path, key, caller) for key in keys]
    await world.http.post(f"{url}/v1/api-keys/report-leak", json={"key": keys[1]})
    await world.code(url, keys[1], caller)
    await eventually(lambda: is_used(admin), what="the batch of last uses")
    said = await events_of(await bus("ops"), 5)
    for process in world.processes:
        process.signal(signal.SIGTERM)
        await process.ended()
    written = [file.read_text(errors="replace") for file in world.folder.glob("*.*") if file.is_file()]
    assert sum(len(text) for text in written) > 1_000
    stored = [
        str(row[0])
        for table in await admin.fetch(TABLES)
        for row in await admin.fetch(f'select t::text from registry."{table[0]}" t')  # noqa: S608
    ]
    assert len(stored) > 10
    for secret in secrets_of(keys):
        for place, texts in {"logs": written, "events": said, "tables": stored, "errors": told}.items():
            assert not [text for text in texts if secret in text], (place, secret)


async def broken(world: World, url: str, path: str, key: str, caller: dict[str, str]) -> str:
    """The answers to requests that hold the key where it does not belong."""
    operator = world.token("PLATFORM_ADMIN")
    sent = [
        world.http.post(url + VERIFY, json={"key": [key]}, headers=caller),
        world.http.post(url + VERIFY, json={"key": key, "tenant_id": key}, headers=caller),
        world.http.post(url + VERIFY, content=f'{{"key": "{key}"', headers=caller | JSON),
        world.http.post(url + VERIFY, json={"key": key}, headers=operator),
        world.http.post(f"{url}/v1/api-keys/report-leak", json={"key": {"it": key}}),
        world.http.post(url + path, json={**ISSUED, "project_id": key}, headers=operator),
        world.http.get(url + path, params={"page_token": key}, headers=operator),
        world.http.post(url + VERIFY, json={"key": "x"}, headers={"Authorization": f"Bearer {key}"}),
    ]
    found = [await answer for answer in sent]
    assert all(400 <= answer.status_code < 500 for answer in found)
    return "".join(answer.text + str(answer.headers) for answer in found)


JSON = {"Content-Type": "application/json"}


async def is_used(admin: asyncpg.Connection) -> bool:
    return bool(await admin.fetchval("select bool_and(last_used_at is not null) from registry.api_key"))


async def events_of(ops: Bus, least: int) -> list[str]:
    """Headers and bodies of everything on the stream."""

    async def are_there() -> bool:
        return bool((await ops.js.stream_info("REGISTRY")).state.messages >= least)

    await eventually(are_there, what=f"{least} events")
    last = (await ops.js.stream_info("REGISTRY")).state.last_seq
    messages = [await ops.js.get_msg("REGISTRY", seq) for seq in range(1, last + 1)]
    verbs = {message.subject for message in messages}
    assert {f"registry.api_key.{verb}.v1" for verb in ("created", "rotated", "revoked")} <= verbs
    return [f"{message.headers} {(message.data or b'').decode()}" for message in messages]


def secrets_of(keys: list[str]) -> list[str]:
    """Each key, its random part, its digest in the usual spellings, and the pepper."""
    pepper = base64.b64decode(PEPPER.partition(":")[2])
    found = [PEPPER.partition(":")[2], pepper.decode(), pepper.hex()]
    for key in keys:
        digest = hmac.digest(pepper, key.encode(), "sha256")
        found += [key, key[8:40], digest.hex(), base64.b64encode(digest).decode()]
    return found
