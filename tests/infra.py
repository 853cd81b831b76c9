"""Real PostgreSQL and NATS for tests: one PostgreSQL per test process, one database and one nats-server per test."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from chassis.bus import Bus
from chassis.db import Database
from contracts.subjects import SERVICES
from deploy.nats.server import Listen
from deploy.postgres import roles
from tenantry.stack.nats_server import NatsServer, new_seeds
from tenantry.stack.postgres import Postgres, PostgresPlace
from tenantry.stack.provision import migrate_all, provision_nats, provision_postgres
from tests.ports import free_port

TEMPLATE = "template_tenantry"
PASSWORD = secrets.token_hex(8)
PASSWORDS = {f"{service}_{login}": PASSWORD for service in SERVICES for login in roles.LOGINS}


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], limit: float = 15.0, what: str = "the condition"
) -> None:
    """Wait until `condition` holds; fail by name when it does not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {limit} s")
        await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class ServiceDsns:
    """How one service reaches its schema in a test's own database; `admin_dsn` is a superuser on that database."""

    database_url: str
    worker_database_url: str
    migration_database_url: str
    admin_dsn: str


@dataclass
class TestPostgres:
    """The server of a test process and the databases that its tests cloned."""

    __test__ = False

    server: Postgres
    databases: int = 0

    @classmethod
    async def start(cls, folder: Path, version: str, *, is_durable: bool = True) -> "TestPostgres":
        place = PostgresPlace(
            folder / "data", folder / "postgres.log", free_port(), secrets.token_hex(8), version, is_durable
        )
        server = Postgres(place)
        await server.start()
        return cls(server)

    @property
    def place(self) -> PostgresPlace:
        return self.server.place

    def dsn(self, user: str, database: str) -> str:
        password = self.place.password if user == "postgres" else PASSWORD
        return self.place.dsn(user, password, database)

    def dsns(self, service: str, database: str) -> ServiceDsns:
        return ServiceDsns(
            self.dsn(f"{service}_app", database),
            self.dsn(f"{service}_worker", database),
            self.dsn(f"{service}_migrator", database),
            self.dsn("postgres", database),
        )

    async def make_template(self) -> None:
        """A migrated database that tests are cloned from. Logging in costs less here than it may cost who guesses."""
        await self.execute("postgres", "alter system set scram_iterations = 1")
        await self.execute("postgres", "select pg_reload_conf()")
        await self.execute("postgres", f"create database {TEMPLATE}")
        await provision_postgres(self.place.admin_dsn, self.dsn("postgres", TEMPLATE), PASSWORDS)
        await migrate_all({service: self.dsn(f"{service}_migrator", TEMPLATE) for service in SERVICES})

    async def clone(self) -> str:
        """A fresh database; its name."""
        self.databases += 1
        name = f"test_{self.databases}"
        await self.execute("postgres", f"create database {name} template {TEMPLATE} strategy file_copy")
        return name

    async def drop(self, name: str) -> None:
        await self.execute("postgres", f"drop database if exists {name} with (force)")

    async def execute(self, database: str, sql: str) -> None:
        connection = await asyncpg.connect(self.dsn("postgres", database))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@dataclass
class TestNats:
    """A private nats-server with production's permissions; can be killed, started again and wiped."""

    __test__ = False

    server: NatsServer
    buses: list[Bus] = field(default_factory=list)

    @classmethod
    async def start_new(cls, folder: Path) -> "TestNats":
        listen = Listen("n1", "127.0.0.1", free_port(), free_port(), folder / "jetstream")
        server = NatsServer(listen, new_seeds(), folder)
        await server.start()
        found = cls(server)
        await found.provision()
        return found

    @property
    def url(self) -> str:
        return self.server.url

    def seed(self, user: str) -> str:
        return self.server.seeds[user]

    async def provision(self) -> None:
        await provision_nats(self.url, self.seed("ops"))

    def kill(self) -> None:
        self.server.kill()

    def freeze(self) -> None:
        """Alive, and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.server.child is not None:
            os.kill(self.server.child.pid, number)

    async def start(self) -> None:
        await self.server.start()

    def wipe(self) -> None:
        self.server.wipe()

    async def bus(self, service: str) -> Bus:
        """A connected bus of this service; closed at the end of the test."""

        def refuse() -> None:
            raise AssertionError(f"the bus of {service} was closed for good")

        bus = Bus(service, self.url, self.seed(service), on_closed=refuse)
        await bus.connect()
        await asyncio.wait_for(bus.wait_connected(), 10)
        self.buses.append(bus)
        return bus

    async def close(self) -> None:
        for bus in self.buses:
            await bus.close()
        self.server.kill()


@dataclass
class Databases:
    """The databases that one test opened."""

    postgres: TestPostgres
    name: str
    opened: list[Database] = field(default_factory=list)

    def dsns(self, service: str) -> ServiceDsns:
        return self.postgres.dsns(service, self.name)

    async def open(self, service: str) -> Database:
        dsns = self.dsns(service)
        database = Database(service, dsns.database_url, dsns.worker_database_url)
        await database.open()
        self.opened.append(database)
        return database

    async def close(self) -> None:
        for database in self.opened:
            await database.close()
