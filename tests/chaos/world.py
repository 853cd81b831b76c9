"""A registry that writes, its relays, the audit log's consumers, and every fault that can befall them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from chassis import outbox
from chassis.db import Database
from chassis.errors import Transient
from chassis.ids import uuid7
from contracts.registry import TenantTrialStartedV1
from tenantry.stack.processes import Child, Command
from tests.infra import Databases, TestNats, TestPostgres
from tests.integration.chassis.stage import DURABLE, STREAM

WRITERS = 8
TENANTS = 40
COUNTER = """
create table registry.counter (tenant_id uuid primary key, version bigint not null);
grant select, insert, update on registry.counter to registry_app;
"""


class Undone(Exception):
    """The writer changed its mind; nothing of it may be heard."""


@dataclass
class World:
    """`random` decides the writers' choices; faults are called by name."""

    postgres: TestPostgres
    databases: Databases
    nats: TestNats
    logs: Path
    random: Random
    actors: dict[str, Child] = field(default_factory=dict)
    tenants: list[UUID] = field(default_factory=lambda: [uuid7() for _ in range(TENANTS)])
    is_writing: bool = True

    def start(self, name: str) -> None:
        """`relay-1`, `consumer-1`, `batch-consumer-1` …: the part before the number is the actor."""
        actor = name.rpartition("-")[0]
        service = "registry" if actor == "relay" else "audit"
        dsns = self.databases.dsns(service)
        environment = {
            **os.environ,
            "NATS_URL": self.nats.url,
            "NATS_SEED": self.nats.seed(service),
            "DATABASE_URL": dsns.database_url,
            "WORKER_DATABASE_URL": dsns.worker_database_url,
        }
        command = [sys.executable, "-m", "tests.chaos.actors", actor]
        self.actors[name] = Child(Command(name, command, environment, self.logs / f"{name}.log"))

    def kill(self, name: str) -> None:
        """-9, and a new one in its place."""
        self.actors[name].kill()
        self.start(name)

    async def pause(self, name: str, seconds: float) -> None:
        """Stopped and woken: what it holds in its hands is old by then."""
        self.actors[name].process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.actors[name].process.send_signal(signal.SIGCONT)

    async def kill_nats(self) -> None:
        self.nats.kill()
        await self.nats.start()

    async def lose_jetstream(self) -> None:
        """The folder is gone; provisioning runs again."""
        self.nats.kill()
        self.nats.wipe()
        await self.nats.start()
        await self.nats.provision()
        await self.shorten_ack_wait()

    async def kill_postgres(self) -> None:
        self.postgres.server.kill()
        await self.postgres.server.start()

    async def lose_durable(self) -> None:
        """Deleted and provisioned again: everything in the stream is delivered once more."""
        ops = await self.nats.bus("ops")
        await ops.js.delete_consumer(STREAM, DURABLE)
        await self.nats.provision()
        await self.shorten_ack_wait()

    async def shorten_ack_wait(self) -> None:
        ops = await self.nats.bus("ops")
        info = await ops.js.consumer_info(STREAM, DURABLE)
        await ops.js.add_consumer(STREAM, info.config.evolve(ack_wait=2.0))

    async def write(self) -> None:
        """Until `is_writing` is unset; what fails on a fault is tried anew as something else."""
        database = await self.databases.open("registry")
        await asyncio.gather(*[self._write_on(database) for _ in range(WRITERS)])

    async def _write_on(self, database: Database) -> None:
        while self.is_writing:
            try:
                await self._write_once(database)
            except (Undone, Transient, asyncpg.PostgresError, OSError):
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.01)

    async def _write_once(self, database: Database) -> None:
        tenant = self.random.choice(self.tenants)
        async with database.transaction(tenant) as tx:
            version = await tx.fetchval(
                "insert into counter values ($1, 1) on conflict (tenant_id)"
                " do update set version = counter.version + 1 returning version",
                tenant,
            )
            event = TenantTrialStartedV1(
                tenant_id=tenant, trial_ends_at=datetime.now(UTC), products=("notetaker",)
            )
            await outbox.add(tx, event, aggregate_version=version)
            if self.random.random() < 0.02:
                raise Undone

    async def look(self, read: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        """One look as superuser, on a connection of its own: the server may have been restarted."""
        connection = await asyncpg.connect(self.databases.dsns("registry").admin_dsn)
        try:
            return await read(connection)
        finally:
            await connection.close()

    def fallen(self) -> dict[str, str]:
        """Actors that ended by themselves, with their last words: only we may end them."""
        return {name: child.last_words(4) for name, child in self.actors.items() if not child.is_running}

    async def end(self) -> None:
        self.is_writing = False
        for child in self.actors.values():
            child.kill()
