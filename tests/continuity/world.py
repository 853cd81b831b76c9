"""Sources that write, three bff processes, three nats-servers, many desktops, and every fault that can befall them."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson

from chassis import outbox
from chassis.db import Database
from contracts.event import Event
from contracts.registry import MemberScopeChangedV1
from contracts.subjects import FEED, STREAMS
from contracts.sync import RecordChangedV1
from services.bff.audiences import token
from services.bff.feed_reader import position_of
from tenantry.stack.processes import Child, Command
from tests.continuity.cluster import Cluster
from tests.continuity.desktop import Connection, Desktop, Tally
from tests.continuity.verdict import Log, Right, Said
from tests.infra import Databases, eventually
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import TWIN, Bff, Stage
from tests.integration.bff.test_isolation import hears

TENANTS = 3
NODES = 3
SLOWER = 10
PROPERTIES = ("harbour", "airport", "north", "south")
ROLES = ("front_desk", "housekeeping", "maintenance")
OPTIONS = {
    **TWIN,
    "RING_BYTES": "100000",  # seconds of what a tenant is told; who was away for longer is given it from FEED
    "WARM_MESSAGES": "100",
    "UNSENT_BYTES": "16384",
    "PARKED_SECONDS": "2",
    "WAIT_BEHIND": "2",
}
TRUTH = """
select s.seq, f.tenant_id, f.headers, f.payload from bff.feed f
join bff.feed_sequence s on (s.outbox_day, s.outbox_id) = (f.created_day, f.id) order by s.seq
"""
WRITTEN = "select event_id::text from {}.outbox where subject <> '{}.source.heartbeat.v1'"


@dataclass
class World:
    """`random` decides who writes what and which fault comes next; faults are called by name."""

    cluster: Cluster
    stage: Stage
    databases: Databases
    http: httpx.AsyncClient
    folder: Path
    random: Random
    nodes: list[Bff] = field(default_factory=list)
    desktops: list[Desktop] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    faults: list[str] = field(default_factory=list)
    written: int = 0
    records_at_once: int = 12
    _versions: dict[str, int] = field(default_factory=dict)
    _sources: Child | None = None

    async def begin(self, desks_per_tenant: int) -> None:
        await self.cluster.redeliver_sooner(
            [STREAMS[name] for name in ("registry", "sync", "bff")], "bff-inbox"
        )
        self._start_sources()
        names = [f"node{number}" for number in range(NODES)]
        found = [self.stage.start_bff(name, self.stage.registry_url, OPTIONS) for name in names]
        self.nodes += await asyncio.gather(*found)
        bff = await self.databases.open("bff")
        for _ in range(TENANTS):
            first = Desk(self.stage.issuer)
            for _ in range(desks_per_tenant):
                properties, roles = self._scope()
                desk = Desk(self.stage.issuer, first.tenant_id, properties=properties, roles=roles)
                await desk.enrol(bff)
                # All hold the one list of nodes, in which a killed process is replaced.
                one = Desktop(desk, self.nodes, Random(self.random.random()), self.tally, self.http)  # noqa: S311
                self.desktops.append(one)

    def _scope(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        properties = self.random.sample(PROPERTIES, self.random.randint(1, 3))
        return tuple(sorted(properties)), (self.random.choice(ROLES),)

    def _start_sources(self) -> None:
        told = []
        for service in ("registry", "sync"):
            dsns = self.databases.dsns(service)
            told.append([service, self.cluster.seed(service), dsns.database_url, dsns.worker_database_url])
        environment = {**os.environ, "NATS_URL": self.cluster.url, "SOURCES": json.dumps(told)}
        command = [sys.executable, "-m", "tests.continuity.sources"]
        self._sources = Child(Command("sources", command, environment, self.folder / "sources.log"))

    async def write(self, least: int, pause: float, deliveries: int) -> None:
        """At least so many events, and until they have had so many deliveries.

        Records of all properties, facts about tenants, devices and members. Once there are enough events they come slowly,
        so that on a busy machine desktops that hardly ever stay catch up, too.
        """
        registry, sync = await self.databases.open("registry"), await self.databases.open("sync")
        while self.written < least or self.tally.deliveries <= deliveries:
            desk = self.random.choice(self.desktops).desk
            await self._say(sync, [self._record(desk.tenant_id) for _ in range(self.records_at_once)])
            chance = self.random.random()
            if chance < 0.08:
                properties, roles = self._scope()
                changed = MemberScopeChangedV1(
                    tenant_id=desk.tenant_id,
                    member_id=desk.member_id,
                    backoffice_roles=roles,
                    properties=properties,
                )
                await self._say(registry, [changed])
            elif chance < 0.3:
                await self._say(registry, [desk.entitled("notetaker", ent_v=self._next(desk.tenant_id))])
            elif chance < 0.5:
                await self._say(registry, [desk.enrolled()])
            await asyncio.sleep(pause if self.written < least else SLOWER * pause)

    def _next(self, what: object) -> int:
        self._versions[str(what)] = found = self._versions.get(str(what), 1) + 1
        return found

    def _record(self, tenant_id: UUID) -> RecordChangedV1:
        version, scope = self._next("records"), f"property/{self.random.choice(PROPERTIES)}"
        key = "k" * self.random.randint(1, 400)
        return RecordChangedV1(
            tenant_id=tenant_id,
            record_id=f"rooms/{scope}/{version}",
            collection="rooms",
            scope=scope,
            key=key,
            version=version,
            seq=version,
            op="put",
            value_hash="0" * 64,
            origin=None,
        )

    async def _say(self, database: Database, events: Sequence[Event]) -> None:
        tenant_id = events[0].tenant_id
        async with database.transaction(tenant_id) as tx:
            told = [(event, self._next(f"{event.aggregate}/{event.aggregate_id}")) for event in events]
            await outbox.add_all(tx, told)
        self.written += len(events)

    async def kill_bff(self) -> None:
        """-9, and another one in its place."""
        number = self.random.randrange(NODES)
        self.faults.append("bff killed")
        self.nodes[number].process.end()
        self.nodes[number] = self.stage.start_again(self.nodes[number], f"node{number}", OPTIONS)

    async def kill_leader(self) -> None:
        self.faults.append("leader killed")
        await self.cluster.kill(await self._server(leads=True), self.random.uniform(0.5, 3.0))

    async def kill_follower(self) -> None:
        self.faults.append("follower killed")
        await self.cluster.kill(await self._server(leads=False), self.random.uniform(0.5, 3.0))

    async def stall_follower(self) -> None:
        self.faults.append("follower stalled")
        await self.cluster.stall(await self._server(leads=False), self.random.uniform(1.0, 4.0))

    async def rebuild_feed(self) -> None:
        self.faults.append("feed rebuilt")
        await self.cluster.rebuild_feed()

    async def _server(self, *, leads: bool) -> str:
        leader = ""
        while not leader:
            leader = await self.cluster.leader()
        if leads:
            return leader
        return self.random.choice([name for name in self.cluster.servers if name != leader])

    async def drained(self, limit: float) -> None:
        """Everything written is in the feed and in its stream."""
        admin = await asyncpg.connect(self.databases.dsns("bff").admin_dsn)

        async def is_drained() -> bool:
            written = [await admin.fetch(WRITTEN.format(name, name)) for name in ("registry", "sync")]
            [(count, last)] = await admin.fetch("select count(*), max(seq) from bff.feed_sequence")
            if count < sum(map(len, written)):
                return False
            info = await self.cluster.ops.js.stream_info(FEED)
            if not info.state.messages:
                return False
            message = await self.cluster.ops.js.get_msg(FEED, seq=info.state.last_seq)
            return bool(int((message.headers or {})["ce-sequence"]) == last)

        try:
            await eventually(is_drained, limit, "everything in the feed")
        finally:
            await admin.close()

    async def settle(self) -> None:
        """Nothing goes wrong any more; everybody hears the rest."""
        epoch, _, last = await position_of(self.cluster.ops, 0)

        def is_done(connection: Connection) -> bool:
            return connection.epoch == epoch and connection.end >= last

        await asyncio.gather(*(desktop.settle(is_done) for desktop in self.desktops))

    async def truth(self) -> tuple[list[Said], list[Log], set[str]]:
        """(rows of the feed, logs of the desktops, ids of what was written)."""
        admin = await asyncpg.connect(self.databases.dsns("bff").admin_dsn)
        rows = await admin.fetch(TRUTH)
        written: set[str] = set()
        for name in ("registry", "sync"):
            written |= {row["event_id"] for row in await admin.fetch(WRITTEN.format(name, name))}
        await admin.close()
        said, changes = [], list[tuple[int, dict[str, Any]]]()
        for row in rows:
            told = orjson.loads(row["payload"])
            said.append(Said(row["seq"], row["tenant_id"], told["audience"], told["id"]))
            if told["type"] == MemberScopeChangedV1.type:
                changes.append((row["seq"], told))
        return said, [self._log(desktop, changes) for desktop in self.desktops], written

    def _log(self, desktop: Desktop, changes: list[tuple[int, dict[str, Any]]]) -> Log:
        """Words about one member may be projected by several processes, and the newest counts, not the last."""
        desk, version, since = desktop.desk, 1, 0.0
        rights, heard = [], frozenset(hears(desk))
        own = {name for name in heard if name.startswith(("o.", "d.")) or name == "all"}
        for seq, told in changes:
            if told["audience"] == f"o.{token(desk.member_id)}" and told["aggregate_version"] > version:
                rights.append(Right(heard, seq, since))
                since = datetime.fromisoformat(told["time"]).timestamp()
                version, body = told["aggregate_version"], told["body"]
                scope = {f"p.{token(name)}" for name in body["properties"]}
                heard = frozenset(own | scope | {f"r.{token(name)}" for name in body["backoffice_roles"]})
        rights.append(Right(heard, since=since))
        return Log(str(desk.device_id), desk.tenant_id, rights, desktop.connections)

    async def end(self) -> None:
        self.stage.end()
        if self._sources is not None:
            self._sources.kill()
        await self.cluster.end()
