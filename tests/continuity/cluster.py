"""Three nats-servers in one cluster: the embedded stack's binary, users, permissions and provisioning, three replicas."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import nats.errors
import nats.js.errors

from chassis.bus import Bus
from contracts.subjects import FEED
from deploy.nats.permissions import OPS
from deploy.nats.server import Listen
from deploy.nats.streams import Size
from tenantry.stack.nats_server import NatsServer, new_seeds
from tenantry.stack.provision import provision_nats
from tests.infra import eventually
from tests.ports import free_port

SERVERS = 3
TROUBLE = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)


class Cluster:
    """`start` brings it up and provisions it; then its servers are killed, started again, stopped and woken."""

    def __init__(self, folder: Path) -> None:
        ports = [free_port() for _ in range(3 * SERVERS)]
        routes = tuple(f"nats://127.0.0.1:{port}" for port in ports[:SERVERS])
        self.seeds = new_seeds()
        self.servers = {
            name: NatsServer(
                Listen(
                    name,
                    "127.0.0.1",
                    ports[SERVERS + place],
                    ports[2 * SERVERS + place],
                    folder / name,
                    "tenantry",
                    ports[place],
                    routes,
                ),
                self.seeds,
                folder,
            )
            for place, name in enumerate(("n1", "n2", "n3"))
        }
        self.buses: list[Bus] = []

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers.values())

    def seed(self, user: str) -> str:
        return self.seeds[user]

    async def bus(self, service: str) -> Bus:
        """A connected bus of this service; closed at the end."""
        bus = Bus(service, self.url, self.seeds[service], on_closed=lambda: None)
        await bus.connect()
        await asyncio.wait_for(bus.wait_connected(), 30)
        self.buses.append(bus)
        return bus

    async def start(self) -> None:
        await asyncio.gather(*(server.start() for server in self.servers.values()))
        self.ops = await self.bus(OPS)
        await self.provision()
        await self.is_whole_again()

    async def provision(self) -> None:
        """Tried until the servers have agreed on who leads them."""

        async def done() -> bool:
            try:
                await provision_nats(self.url, self.seeds[OPS], Size(replicas=SERVERS))
            except TROUBLE:
                return False
            return True

        await eventually(done, 60, "provisioning")

    async def redeliver_sooner(self, streams: Sequence[str], durable: str) -> None:
        """What a killed process had in its hands comes again after 2 s instead of 30."""
        for stream in streams:
            info = await self.ops.js.consumer_info(stream, durable)
            await self.ops.js.add_consumer(stream, info.config.evolve(ack_wait=2.0))

    async def leader(self) -> str:
        """The server that leads FEED; empty while none does."""
        try:
            info = await self.ops.js.stream_info(FEED)
        except TROUBLE:
            return ""
        return str(info.cluster.leader or "") if info.cluster is not None else ""

    async def is_whole_again(self, stream: str = FEED) -> None:
        """Every server has all of the stream, so that any one of them may be lost."""

        async def is_whole() -> bool:
            try:
                found = (await self.ops.js.stream_info(stream)).cluster
            except TROUBLE:
                return False
            replicas = [] if found is None else found.replicas or []
            return len(replicas) == SERVERS - 1 and all(one.current and not one.offline for one in replicas)

        await eventually(is_whole, 60, f"three replicas of {stream}")

    async def kill(self, name: str, seconds: float) -> None:
        """-9, and back after a while."""
        self.servers[name].kill()
        await asyncio.sleep(seconds)
        await self.servers[name].start()
        await self.is_whole_again()

    async def stall(self, name: str, seconds: float) -> None:
        """Stopped and woken: what it answers first is old by then."""
        child = self.servers[name].child
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(child.pid, signal.SIGCONT)
        await self.is_whole_again()

    async def rebuild_feed(self) -> None:
        """FEED is gone and there is another one by its name, while everybody stays connected."""

        async def is_gone() -> bool:
            try:
                await self.ops.js.delete_stream(FEED)
            except nats.js.errors.NotFoundError:
                return True
            except TROUBLE:
                return False
            return True

        await eventually(is_gone, 30, "the end of FEED")
        await self.provision()
        await self.is_whole_again()

    async def last_sequence(self) -> int:
        return int((await self.ops.js.stream_info(FEED)).state.last_seq)

    async def end(self) -> None:
        for bus in self.buses:
            await bus.close()
        for server in self.servers.values():
            server.kill()
