"""Whole processes: an issuer, products, registries; and who calls them."""

import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from chassis.service_tokens import ServiceTokens
from contracts.products import PROBE_TENANT_ID
from contracts.subjects import SERVICES
from services.registry.products.client import Product, ProductClient
from tenantry.stack.catalogue import connect_products
from tenantry.stack.folder import PRODUCTS
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.bff.stage import Issuer, Process, answers, nowhere
from tests.integration.registry.key_stage import PEPPER
from tests.ports import free_port

CLIENTS = (*SERVICES, *(f"product:{key}" for key in PRODUCTS))


@dataclass
class Running:
    """One product and its process."""

    key: str
    url: str
    folder: Path
    process: Process
    environment: dict[str, str]

    @property
    def product(self) -> Product:
        return Product(self.key, self.url)

    def rows(self, sql: str, *arguments: str) -> list[Any]:
        """From its file, whether it runs or not."""
        with closing(sqlite3.connect(self.folder / f"{self.key}.sqlite")) as db:
            return db.execute(sql, arguments).fetchall()

    def written(self) -> bytes:
        """Every byte that it keeps."""
        return b"".join(file.read_bytes() for file in self.folder.glob(f"{self.key}.sqlite*"))


@dataclass
class Town:
    """Everything that runs in one test."""

    folder: Path
    issuer: Issuer
    http: httpx.AsyncClient
    nats: TestNats | None = None
    dsns: ServiceDsns | None = None
    processes: list[Process] = field(default_factory=list)
    clients: list[ProductClient] = field(default_factory=list)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def private(self, client: str) -> str:
        return json.dumps(self.issuer.keys[client].as_dict(private=True))

    def tokens(self, client: str) -> ServiceTokens:
        return ServiceTokens(self.issuer.origin, client, self.private(client))

    def client(self, seconds: float = 5.0, **limits: Any) -> ProductClient:
        """As the registry calls products."""
        self.clients.append(ProductClient(self.tokens("registry"), seconds=seconds, **limits))
        return self.clients[-1]

    async def start_product(self, key: str, *, registry: str = "", **changed: str) -> Running:
        port = free_port()
        folder = self.folder / "products"
        environment = {
            "TENANTRY_MODE": "local",
            "TENANTRY_OIDC_ISSUER": self.issuer.origin,
            "TENANTRY_REGISTRY_URL": registry or nowhere(),
            "TENANTRY_PRODUCT_SERVICE_KEY": self.private(f"product:{key}"),
            "TENANTRY_PRODUCT_PORT": str(port),
            "TENANTRY_PRODUCT_DATA": str(folder),
            "TENANTRY_PRODUCT_REPORT_SECONDS": "0.1",
            **changed,
        }
        found = Running(
            key, f"http://127.0.0.1:{port}", folder, self._run_product(key, environment), environment
        )
        await eventually(lambda: answers(f"{found.url}/readyz"), 30, key)
        return found

    def _run_product(self, key: str, environment: dict[str, str]) -> Process:
        process = Process("products", environment, self.folder / f"{key}.log", key)
        self.processes.append(process)
        return process

    async def restart(self, running: Running) -> None:
        """After a kill."""
        running.process = self._run_product(running.key, running.environment)
        await eventually(lambda: answers(f"{running.url}/readyz"), 30, running.key)

    async def behave(self, running: Running, how: str, seconds: float = 10.0) -> None:
        body = {"how": how, "seconds": seconds}
        (await self.http.put(f"{running.url}/control/behaviour", json=body)).raise_for_status()

    async def start_registry(self, name: str, **changed: str) -> tuple[str, Process]:
        """(address, process)."""
        assert self.nats is not None
        assert self.dsns is not None
        port = free_port()
        own = {
            "DATABASE_URL": self.dsns.database_url,
            "WORKER_DATABASE_URL": self.dsns.worker_database_url,
            "NATS_SEED": self.nats.seed("registry"),
            "SERVICE_KEY": self.private("registry"),
            "PORT": str(port),
            "PAGE_TOKEN_KEY": "made-up",
            "KEY_PEPPERS": PEPPER,
            "TRIAL_LINK_KEY": "made-up",
            "ERP_WEBHOOK_SECRET": "made-up",
            "ERP_FOLDER": str(self.folder),
            "IDENTITY_ADMIN_URL": nowhere(),
            "IDENTITY_ADMIN_SECRET": "made-up",
            **changed,
        }
        environment = {
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": self.nats.url,
            "TENANTRY_OIDC_ISSUER": self.issuer.origin,
            **{f"TENANTRY_REGISTRY_{variable}": value for variable, value in own.items()},
        }
        process = Process("services.registry", environment, self.folder / f"{name}.log")
        self.processes.append(process)
        url = f"http://127.0.0.1:{port}"
        await eventually(lambda: answers(f"{url}/readyz"), 30, f"{name} ready")
        return url, process

    async def connect(self, registry: str, *products: Running) -> None:
        """The catalogue learns where these are."""
        addresses = {one.key: one.url for one in products}
        await connect_products(registry, self.issuer.origin, "made-up", addresses)

    def signed(self, *roles: str, audience: str = "registry", **claims: Any) -> dict[str, str]:
        """Headers of a caller with these realm roles."""
        told = {"sub": uuid4().hex, "aud": [audience], "realm_access": {"roles": list(roles)}, **claims}
        token = self.issuer.sign(told, time.time(), 300)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}

    async def seed(self, running: Running) -> None:
        """Fixtures in the probe tenant."""
        await self.client().reset_probe(running.product)

    async def end(self) -> None:
        for client in self.clients:
            await client.close()
        for process in self.processes:
            process.end()
        for close in self.closing:
            await close()


def queue_of(running: Running, tenant_id: UUID = PROBE_TENANT_ID) -> int:
    """How many items wait."""
    sql = "select count(*) from record where tenant_id = ? and collection = 'queue'"
    return int(running.rows(sql, str(tenant_id))[0][0])
