"""Pausing handshakes at a running process of sync: soon, for one tenant, and through the loss of the bus and of itself."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from joserfc.jwk import ECKey

from chassis.bus import Bus
from chassis.clock import ManualClock
from chassis.db import Database
from chassis.outgoing import http_client
from services.registry.keeper import Keeper
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.bff.stage import Process, answers
from tests.integration.registry.life import Life
from tests.integration.registry.switching import set_flag
from tests.integration.sync.desk import CURSOR_KEY, Desk, good, put
from tests.integration.sync.issuer import Issuer
from tests.ports import free_port

FLAG = "sync_handshake_paused"


@dataclass
class Stage:
    """The registry's tables and keeper, a bus, and processes of sync that come and go."""

    nats: TestNats
    dsns: ServiceDsns
    issuer: Issuer
    life: Life
    keeper: Keeper
    folder: Path
    processes: list[Process] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Sync"]:
        """A process that answers; it may not be ready."""
        url, log = f"http://127.0.0.1:{free_port()}", self.folder / f"sync-{len(self.processes)}.log"
        process = Process("services.sync", self._environment(url), log)
        self.processes.append(process)
        await eventually(lambda: answers(f"{url}/livez"), 30, "sync")
        bearer = {"authorization": f"Bearer {self.issuer.token()}"}
        async with http_client(base_url=url, headers=bearer, timeout=20.0) as http:
            yield Sync(http, process)

    def _environment(self, url: str) -> dict[str, str]:
        own = {
            "DATABASE_URL": self.dsns.database_url,
            "WORKER_DATABASE_URL": self.dsns.worker_database_url,
            "NATS_SEED": self.nats.seed("sync"),
            "SERVICE_KEY": json.dumps(ECKey.generate_key("P-256").as_dict(private=True)),
            "PORT": url.rpartition(":")[2],
            "CURSOR_KEY": CURSOR_KEY,
        }
        shared = {
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": self.nats.url,
            "TENANTRY_OIDC_ISSUER": self.issuer.url,
        }
        return shared | {f"TENANTRY_SYNC_{name}": value for name, value in own.items()}

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """What is set reaches the bucket."""
        task = asyncio.create_task(self.keeper.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def pause(self, tenant_id: UUID | None, *, on: bool | None = True) -> None:
        await set_flag(self.life.database, FLAG, on, tenant_id)


@dataclass
class Sync:
    """One running process, spoken to as by the bff."""

    http: httpx.AsyncClient
    process: Process

    def desk(self, tenant_id: UUID) -> Desk:
        return Desk(self.http, tenant_id)

    async def is_ready(self) -> bool:
        return (await self.http.get("/readyz")).is_success

    async def answers(self, desk: Desk, status: int, limit: float = 5) -> httpx.Response:
        """The handshake's answer, once it is this."""
        found: list[httpx.Response] = []

        async def is_so() -> bool:
            found.append(await shaken(desk))
            return found[-1].status_code == status

        await eventually(is_so, limit, f"a handshake that answers {status}")
        return found[-1]


async def shaken(desk: Desk, language: str = "en") -> httpx.Response:
    return await desk.ask("handshake", desk.handshake(), {"accept-language": language})


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


PAUSED = (503, "SYNC.PAUSED")


@pytest.fixture
async def stage(
    database: Callable[[str], Awaitable[Database]],
    bus: Callable[[str], Awaitable[Bus]],
    service_dsns: Callable[[str], ServiceDsns],
    admin: asyncpg.Connection,
    nats_server: TestNats,
    issuer: Issuer,
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    registry = await database("registry")
    life = Life(registry, admin, ManualClock(datetime.now(UTC)))
    keeper = Keeper(registry, await bus("registry"), every=60, retry=0.05)
    found = Stage(nats_server, service_dsns("sync"), issuer, life, keeper, tmp_path)
    yield found
    for process in found.processes:
        process.end()


async def test_a_paused_tenant_is_refused_with_a_time_to_come_back_and_taken_again_without_a_restart(
    stage: Stage,
) -> None:
    tenant, other = await stage.life.new_trial(), await stage.life.new_trial()
    async with stage.keeping(), stage.running() as sync:
        await eventually(sync.is_ready, 30, "ready")
        desk, beside = sync.desk(tenant), sync.desk(other)
        good(await shaken(desk))
        await stage.pause(tenant)
        answer = await sync.answers(desk, 503)
        assert code_of(answer) == PAUSED
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "30"
        french = await shaken(desk, "fr")
        assert (french.headers["content-language"], french.headers["retry-after"]) == ("fr", "30")
        assert "hors ligne" in french.json()["detail"]
        good(await shaken(beside))
        await stage.pause(tenant, on=None)
        good(await sync.answers(desk, 200))


async def test_the_platforms_pause_holds_for_all_but_a_tenant_that_was_let_in(stage: Stage) -> None:
    tenant, other = await stage.life.new_trial(), await stage.life.new_trial()
    async with stage.keeping(), stage.running() as sync:
        await eventually(sync.is_ready, 30, "ready")
        await stage.pause(tenant, on=False)
        await stage.pause(None)
        assert code_of(await sync.answers(sync.desk(other), 503)) == PAUSED
        good(await shaken(sync.desk(tenant)))


async def test_a_round_that_is_running_goes_on_while_handshakes_are_paused(stage: Stage) -> None:
    tenant = await stage.life.new_trial()
    async with stage.keeping(), stage.running() as sync:
        await eventually(sync.is_ready, 30, "ready")
        desk = sync.desk(tenant)
        told = await desk.shake()
        assert told["pause"] == {"pull": False, "push": False}
        await stage.pause(tenant)
        await sync.answers(desk, 503)
        assert [result["status"] for result in await desk.push(put(1), put(2, "b"))] == ["applied"] * 2
        assert sorted(await desk.replica(limit=1)) == ["a", "b"]
        assert code_of(await shaken(desk)) == PAUSED


async def test_without_the_bus_the_last_known_value_holds_and_a_restart_finds_it_in_the_database(
    stage: Stage, admin: asyncpg.Connection
) -> None:
    tenant, other = await stage.life.new_trial(), await stage.life.new_trial()

    async def is_kept() -> bool:
        query = "select value from sync.known_setting where key = $1"
        return bool(await admin.fetchval(query, f"flag.{tenant}.{FLAG}") == "true")

    async with stage.keeping(), stage.running() as sync:
        await eventually(sync.is_ready, 30, "ready")
        await stage.pause(tenant)
        await sync.answers(sync.desk(tenant), 503)
        await eventually(is_kept, what="the pause in sync's own database")
        stage.nats.kill()
        await eventually(lambda: is_blind(sync), 30, "sync says that it hears nothing")
        await stage.pause(tenant, on=None)
        assert code_of(await shaken(sync.desk(tenant))) == PAUSED
        good(await shaken(sync.desk(other)))
        sync.process.signal(signal.SIGKILL)
        await sync.process.ended()
        async with stage.running() as again:
            good(await again.answers(again.desk(other), 200))
            assert code_of(await shaken(again.desk(tenant))) == PAUSED
            await stage.nats.start()
            good(await again.answers(again.desk(tenant), 200, 30))


async def is_blind(sync: Sync) -> bool:
    return (await sync.http.get("/readyz")).json()["parts"]["settings"]["live"] is False


async def test_the_document_tells_of_the_pause_and_of_the_time_to_come_back(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/v1/openapi.json")).json()["paths"]
    told = paths["/sync/v1/handshake"]["post"]["responses"]["503"]
    assert told["headers"]["Retry-After"]["schema"]["type"] == "integer"
    example = told["content"]["application/problem+json"]["example"]
    assert (example["status"], example["code"]) == PAUSED
    for verb in ("push", "pull"):
        assert "503" not in paths[f"/sync/v1/{verb}"]["post"]["responses"]


async def test_a_process_that_was_never_told_takes_no_handshake_and_is_not_ready(stage: Stage) -> None:
    """There is no keeper: the default would be a guess."""
    async with stage.running() as sync:
        desk = sync.desk(await stage.life.new_trial())

        async def hears() -> bool:
            part = (await sync.http.get("/readyz")).json()["parts"]["settings"]
            return bool(part["live"] and part["keys"] == 0)

        await eventually(hears, 30, "sync hears the bucket, which is empty")
        readyz = (await sync.http.get("/readyz")).json()
        assert (readyz["ready"], readyz["dependencies"]["settings"]["up"]) == (False, False)
        answer = await shaken(desk)
        assert code_of(answer) == (503, "CHASSIS.UNAVAILABLE")
        assert answer.headers["retry-after"]
        assert (await desk.push(put(1)))[0]["status"] == "applied"
        async with stage.keeping():
            good(await sync.answers(desk, 200))
            await eventually(sync.is_ready, 30, "ready")
