"""What verifying an API key and reading claims cost beside an empty endpoint of the same kind of application.

`python -m bench.registry [--quick] [--json FILE]`: one process on one core serves all three, made by the same `create_api`:
`POST /empty`, which reads nothing and answers `{}`; `POST /internal/api-keys/verify` with warm keys, a real token, a live
subscription and the check of format, digest, tenant, product, scope and rate; `GET /internal/claims/{org_id}`, which asks
the database. By turns in one run, with the same load.
"""

import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import uuid4

import structlog
import uvloop
from fastapi import APIRouter
from joserfc import jwt
from joserfc.jwk import ECKey

from bench.load import drive, request_of
from bench.report import Report, arguments
from chassis.auth import Authenticate, TokenVerifier
from chassis.bus import Bus
from chassis.clock import SystemClock
from chassis.context import use_origin
from chassis.db import Database
from chassis.health import Health
from chassis.http import create_api
from chassis.issuer_keys import IssuerKeys
from chassis.pages import PageTokens
from chassis.runtime import HttpServer
from services.registry.api_keys import operations as keys
from services.registry.api_keys.parts import ApiKeys
from services.registry.api_keys.peppers import Peppers
from services.registry.entitlements import api as entitlements
from services.registry.settings import Settings
from services.registry.tenants import operations as tenants
from services.registry.tenants.changes import TenantChanges
from services.registry.tenants.model import Ladder
from tests.infra import Databases, TestNats, TestPostgres, eventually
from tests.ports import free_port

ISSUER = "http://issuer.example"
PEPPER = "p1:" + base64.b64encode(b"1" * 32).decode()
CONNECTIONS = 32
KEYS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """What the server's process is told."""

    database_url: str
    worker_database_url: str
    nats_url: str
    nats_seed: str
    port: int
    public_jwk: dict[str, str]


class OneKey(IssuerKeys):
    """An issuer whose only key is known; everything else of a token is verified as ever."""

    def __init__(self, jwk: dict[str, str]) -> None:
        super().__init__(ISSUER)
        self._key = ECKey.import_key(dict(jwk))

    async def find(self, kid: str) -> ECKey:  # noqa: ARG002  # there is one
        return self._key

    def holds(self, kid: str) -> bool:  # noqa: ARG002
        return True


def settings_of(place: Place) -> Settings:
    told = {
        "TENANTRY_MODE": "local", "TENANTRY_NATS_URL": place.nats_url, "TENANTRY_OIDC_ISSUER": ISSUER,
        "database_url": place.database_url, "worker_database_url": place.worker_database_url,
        "nats_seed": place.nats_seed, "service_key": "{}", "port": place.port, "erp_webhook_secret": "made-up",
        "erp_folder": "/nowhere", "identity_admin_url": ISSUER, "identity_admin_secret": "made-up",
        "page_token_key": "made-up", "key_peppers": PEPPER, "trial_link_key": "made-up",
        "key_rate": 1e6, "key_cache_seconds": 300,
    }  # fmt: skip
    return Settings(**told)  # type: ignore[arg-type]


def empty() -> APIRouter:
    routes = APIRouter()

    @routes.post("/empty")
    async def nothing() -> dict[str, str]:
        return {}

    return routes


async def serve(place: Place, core: int, ready: Connection) -> None:
    """All three endpoints in one application, until the process is ended."""
    os.sched_setaffinity(0, {core})
    settings = settings_of(place)
    database = Database("registry", place.database_url, place.worker_database_url)
    bus = Bus("registry", place.nats_url, place.nats_seed)
    await bus.connect()
    clock = SystemClock()
    found = ApiKeys(database, bus, clock, settings)
    verifier = TokenVerifier(ISSUER, "registry", clock, OneKey(place.public_jwk))
    authenticate = Authenticate(verifier)
    claims = entitlements.router(
        database, authenticate, clock, TenantChanges(database, clock, settings.ladder)
    )
    routers = [*found.routers(authenticate, PageTokens(b"made-up")), claims, empty()]
    app = create_api(
        service="registry", version="1", routers=routers, health=Health({}), max_body_bytes=1_048_576,
        request_seconds=30,
    )  # fmt: skip
    server = HttpServer(app, "127.0.0.1", place.port)
    running = [asyncio.create_task(part.run()) for part in (*found.parts, server)]
    await eventually(lambda: found.news.is_live)
    ready.send(True)
    await asyncio.gather(*running)


def server_process(place: Place, core: int, ready: Connection) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    uvloop.run(serve(place, core, ready))


@contextlib.asynccontextmanager
async def servers() -> AsyncIterator[tuple[Databases, TestNats]]:
    """PostgreSQL and NATS of this run."""
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = await TestPostgres.start(folder / "postgres", "18")
        nats = await TestNats.start_new(folder / "nats")
        try:
            await postgres.make_template()
            databases = Databases(postgres, await postgres.clone())
            yield databases, nats
            await databases.close()
        finally:
            await nats.close()
            await postgres.server.stop()


async def issue(databases: Databases) -> list[str]:
    """Keys of one tenant."""
    database, tenant_id, now = await databases.open("registry"), uuid4(), SystemClock().now()
    asked = tenants.NewTenant("bench", "Bench", "real", "en", "Europe/Berlin", None)
    wanted = keys.NewKey("bench", "live", "default", "ai_console", ("read", "write"), None)
    peppers, ladder = Peppers(PEPPER), Ladder()
    with use_origin(actor_id="bench", actor_type="system"):
        async with database.transaction(tenant_id) as tx:
            await tenants.start_trial(tx, tenant_id, asked, "bench", "bench", now, ladder)
            return [(await keys.issue(tx, tenant_id, wanted, peppers, ladder, now)).key for _ in range(KEYS)]


def token_of(key: ECKey, role: str) -> dict[str, str]:
    """The header of a caller with this role."""
    claims = {
        "iss": ISSUER, "sub": role, "aud": ["registry"], "exp": int(time.time()) + 3600, "jti": "1",
        "realm_access": {"roles": [role]},
    }  # fmt: skip
    return {"Authorization": f"Bearer {jwt.encode({'alg': 'ES256', 'kid': '1'}, claims, key)}"}


def requests(issued: list[str], signing: ECKey) -> dict[str, list[bytes]]:
    """By the name of what they ask for."""
    product, service = token_of(signing, "service:product:ai_console"), token_of(signing, "service:bff")
    bodies = [json.dumps({"key": key, "scope": "read"}).encode() for key in issued]
    return {
        "empty endpoint": [request_of("POST", "/empty", {}, b"{}")],
        "verify": [request_of("POST", "/internal/api-keys/verify", product, body) for body in bodies],
        "claims": [request_of("GET", "/internal/claims/bench", service)],
    }


async def measure(port: int, asked: list[bytes], seconds: float) -> tuple[float, float]:
    """(answers per second, p99 in milliseconds)."""
    found = await drive(port, asked, seconds, CONNECTIONS)
    return len(found) / seconds, sorted(found)[int(len(found) * 0.99)]


async def rounds(
    report: Report, port: int, asked: dict[str, list[bytes]], count: int, seconds: float
) -> None:
    for good in asked.values():  # warm: every key is in memory
        await measure(port, good, 1.0)
    for _ in range(count):
        for name, good in asked.items():
            rate, p99 = await measure(port, good, seconds)
            report.add(f"{name}, requests/s", rate)
            report.add(f"{name}, p99 ms at {CONNECTIONS} connections", p99)
    for name, good in asked.items():
        alone = await drive(port, good, seconds, 1)
        report.add(f"{name}, one caller: p50 ms", statistics.median(alone))
        report.add(f"{name}, one caller: p99 ms", sorted(alone)[int(len(alone) * 0.99)])


async def main() -> None:
    report = Report("registry", arguments(__doc__))
    count, seconds = (4, 3.0) if report.chosen.quick else (8, 10.0)
    cores = sorted(os.sched_getaffinity(0))
    async with servers() as (databases, nats):
        signing = ECKey.generate_key("P-256")
        dsns = databases.dsns("registry")
        place = Place(
            dsns.database_url, dsns.worker_database_url, nats.url, nats.seed("registry"), free_port(),
            {name: str(value) for name, value in signing.as_dict(private=False).items()},
        )  # fmt: skip
        asked = requests(await issue(databases), signing)
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=server_process, args=(place, cores[-1], theirs), daemon=True
        )
        process.start()
        theirs.close()  # so that the end of a server that cannot start is heard
        await asyncio.to_thread(mine.recv)
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores[:-1]))
        try:
            await rounds(report, place.port, asked, count, seconds)
        finally:
            process.terminate()
            process.join()
    report.ratio("verify_vs_empty_endpoint", "verify, requests/s", "empty endpoint, requests/s")
    report.finish()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    uvloop.run(main())
