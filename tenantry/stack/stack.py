"""The whole stack in one data folder: NATS, PostgreSQL, the issuer, services, products; started in order and watched."""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import httpx

from chassis.outgoing import http_client
from contracts.subjects import SERVICES
from deploy.nats.server import Listen
from deploy.postgres.roles import DATABASE
from tenantry.stack.catalogue import connect_products
from tenantry.stack.environment import Environment
from tenantry.stack.errors import StackError
from tenantry.stack.folder import LOCK_VENDOR, PRODUCTS, DataFolder
from tenantry.stack.nats_server import NatsServer
from tenantry.stack.postgres import DEFAULT_VERSION, Postgres, PostgresPlace
from tenantry.stack.processes import Child, Command, Orphans, python
from tenantry.stack.provision import migrate_all, provision_nats, provision_postgres

READY_SECONDS = 60.0
Say = Callable[[str], None]


class Killable(Protocol):
    """Whatever can be ended without a goodbye."""

    def kill(self) -> None: ...


def _silent(_: str) -> None:
    """Nobody listens."""


class Stack:
    """Starts, watches and stops everything; `say` is told each step."""

    def __init__(self, data: Path, say: Say = _silent) -> None:
        self.folder = DataFolder(data)
        self._say = say
        self.ports = self.folder.ports()
        self.secrets = self.folder.secrets()
        self.environment = Environment(self.folder.path, self.ports, self.secrets)
        version = os.environ.get("TENANTRY_POSTGRES_VERSION", DEFAULT_VERSION)
        place = PostgresPlace(
            self.folder.path / f"postgres{version}",
            self.log_of("postgres"),
            self.ports["postgres"],
            self.secrets.postgres_password,
            version,
        )
        self.postgres = Postgres(place)
        listen = Listen(
            "nats",
            "127.0.0.1",
            self.ports["nats"],
            self.ports["nats_monitor"],
            self.folder.path / "jetstream",
        )
        self.nats = NatsServer(listen, self.secrets.nats_seeds, self.folder.path / "logs")
        self._children: dict[str, Child] = {}
        self._orphans = Orphans(self.folder.path / "processes.json")

    def log_of(self, name: str) -> Path:
        return self.folder.path / "logs" / f"{name}.log"

    def url(self, name: str) -> str:
        """Base address of the issuer, a service or a product."""
        return f"http://127.0.0.1:{self.ports[name]}"

    async def start(self, services: Sequence[str] = SERVICES, products: Sequence[str] = PRODUCTS) -> None:
        """Everything up and ready, or StackError with the place and the cure; then nothing is left running."""
        self.folder.lock()
        try:
            if ended := self._orphans.end_all():
                self._say(f"ended what an earlier instance had left running: {', '.join(ended)}")
            self.folder.check_ports(self.ports)
            self._say("starting NATS and PostgreSQL")
            await asyncio.gather(self.nats.start(), self.postgres.start())
            self._remember()
            await self.provision()
            self._say(f"starting the issuer, {len(services)} services and {len(products)} products")
            simulated = (LOCK_VENDOR,) if "bff" in services else ()
            names = ("issuer", *services, *products, *simulated)
            for name in names:
                self.start_process(name)
            await asyncio.gather(*(self._wait_ready(name) for name in names))
            if products:
                addresses = {name: self.url(name) for name in products}
                await connect_products(
                    self.url("registry"), self.url("issuer"), self.secrets.issuer_admin, addresses
                )
        except BaseException:
            await self.stop()
            raise

    async def provision(self) -> None:
        """Roles, schemas, migrations, streams, durables; changes nothing when all is there."""
        self._say("provisioning roles, migrations, streams")
        place = self.postgres.place
        database = place.dsn("postgres", place.password, DATABASE)
        await provision_postgres(place.admin_dsn, database, self.secrets.passwords)
        await migrate_all({service: self.environment.dsn(service, "migrator") for service in SERVICES})
        await provision_nats(self.nats.url, self.secrets.nats_seeds["ops"])

    def start_process(self, name: str) -> None:
        """Start the issuer, a service, a product or the vendor of locks (again)."""
        special = {"issuer": ["tenantry.issuer"], LOCK_VENDOR: ["products.locks"]}
        module = ["products", name] if name in PRODUCTS else special.get(name, [f"services.{name}"])
        arguments = [python(), "-m", *module]
        self._children[name] = Child(Command(name, arguments, self.environment.of(name), self.log_of(name)))
        self._remember()

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def kill(self, name: str) -> None:
        """As a power cut would."""
        servers: dict[str, Killable] = {"nats": self.nats, "postgres": self.postgres, **self._children}
        servers[name].kill()

    async def stop(self) -> None:
        """Services first, then what they stand on. Data stays."""
        await asyncio.gather(*(child.stop() for child in self._children.values()))
        self._children.clear()
        await asyncio.gather(self.nats.stop(), self.postgres.stop())
        self._remember()
        self.folder.release()

    async def watch(self) -> None:
        """Until a process ends by itself; raises StackError with its last words."""
        while True:
            for child in self._all():
                if not child.is_running:
                    raise StackError(
                        f"{child.command.name} ended with status {child.process.returncode};"
                        f" its log {child.command.log} ends with:\n{child.last_words()}"
                    )
            await asyncio.sleep(0.5)

    async def _wait_ready(self, name: str) -> None:
        child = self._children[name]
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        async with http_client(timeout=3) as http:
            while True:
                if not child.is_running:
                    raise StackError(
                        f"{name} did not start; its log {child.command.log} ends with:\n{child.last_words()}"
                    )
                state = await self._readiness(http, name)
                if state is None:
                    return
                if asyncio.get_running_loop().time() > deadline:
                    raise StackError(
                        f"{name} is not ready after {READY_SECONDS:g} s ({state}); see {child.command.log}"
                    )
                await asyncio.sleep(0.05)

    async def _readiness(self, http: httpx.AsyncClient, name: str) -> str | None:
        """None when ready, else what it waits for."""
        try:
            answer = await http.get(f"{self.url(name)}/readyz")
        except httpx.HTTPError as error:
            return repr(error)
        return None if answer.status_code == 200 else json.dumps(answer.json().get("dependencies"))

    def _all(self) -> list[Child]:
        servers = [server.child for server in (self.nats, self.postgres) if server.child is not None]
        return [*servers, *self._children.values()]

    def _remember(self) -> None:
        self._orphans.remember(self._all())
