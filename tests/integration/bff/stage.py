"""Whole bff processes on a real PostgreSQL, nats-server and issuer; every test brings tenants of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import httpx
from joserfc.jwk import ECKey

from chassis.bus import Bus
from chassis.db import Database
from chassis.outgoing import http_client
from contracts.subjects import SERVICES
from services.registry.keeper import Keeper
from tenantry.issuer.signing import Signer
from tests.infra import ServiceDsns, eventually
from tests.ports import free_port

CHECKOUT = Path(__file__).parents[3]
BASE = "/bff/backoffice/v1"
STREAM = f"{BASE}/sse/stream"
LARGE = {
    "RING_BYTES": "67108864",
    "STREAM_HEARTBEAT": "0.5",
    "DRAIN_SECONDS": "5",
    "DIRECTORY_SECONDS": "0",  # tests change the directory under the door without a word in the feed
}
"""Keeps all that a test says in its rings."""
ORIGIN = "https://bff.example"
TWIN = {**LARGE, "DIRECTORY_SECONDS": "30", "PUBLIC_ORIGIN": ORIGIN, "STREAM_ORIGIN": ORIGIN}
"""One of several behind one address; remembers what it may."""
SMALL = {
    **LARGE,
    "RING_BYTES": "4000",
    "WARM_MESSAGES": "0",
    "UNSENT_BYTES": "65536",
    "PARKED_SECONDS": "1",
    "WAIT_BEHIND": "1",
}
"""Forgets soon and loses patience soon."""


class Issuer:
    """The local issuer as a process; tests sign with its key whatever they like."""

    def __init__(self, folder: Path, clients: Sequence[str] = SERVICES) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.keys = {client: ECKey.generate_key("P-256") for client in clients}
        folder.mkdir()
        public = {client: key.as_dict(private=False) for client, key in self.keys.items()}
        (folder / "clients.json").write_text(json.dumps(public))

    def sign(self, claims: dict[str, Any], now: float, seconds: int) -> str:
        return Signer.kept_in(self.folder / "issuer.sqlite", self.origin).sign(claims, now, seconds)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "TENANTRY_MODE": "local",
            "TENANTRY_ISSUER_PORT": str(self.port),
            "TENANTRY_ISSUER_PUBLIC_ORIGIN": self.origin,
            "TENANTRY_ISSUER_DATA": str(self.folder),
            "TENANTRY_ISSUER_CLIENTS": str(self.folder / "clients.json"),
            "TENANTRY_ISSUER_ADMIN_SECRET": "made-up",
        }


class Process:
    """One Python process of ours; what it writes goes to a file."""

    def __init__(self, module: str, environment: dict[str, str], log: Path, *arguments: str) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self._process.pid}/statm").read_text()
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def ended(self) -> int:
        return await asyncio.to_thread(self._process.wait, 30)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


@dataclass(frozen=True, slots=True)
class Bff:
    """Where one process of the bff is."""

    api: str
    stream: str
    process: Process

    @property
    def stream_port(self) -> int:
        return int(self.stream.rpartition(":")[2])


class Servers(Protocol):
    """One nats-server, or a cluster."""

    @property
    def url(self) -> str: ...

    def seed(self, user: str) -> str: ...

    async def bus(self, service: str) -> Bus: ...


@dataclass
class Stage:
    """What the tests of this folder share."""

    nats: Servers
    dsns: ServiceDsns
    issuer: Issuer
    folder: Path
    registry_url: str
    registry_dsns: ServiceDsns
    processes: list[Process] = field(default_factory=list)

    async def start_issuer(self) -> None:
        self.start("tenantry.issuer", self.issuer.environment, "issuer")
        await eventually(lambda: answers(f"{self.issuer.origin}/jwks"), 30, "the issuer")

    async def say_settings(self) -> None:
        """As the registry's keeper: bring the bucket in line with the tables, once."""
        dsns = self.registry_dsns
        database = Database("registry", dsns.database_url, dsns.worker_database_url)
        bus = Bus("registry", self.nats.url, self.nats.seed("registry"))
        await bus.connect()
        await asyncio.wait_for(bus.wait_connected(), 10)
        async with database.worker() as tx:
            await Keeper(database, bus).keep(tx)
        await bus.close()
        await database.close()

    async def start_bff(
        self,
        name: str,
        registry_url: str,
        options: dict[str, str],
        module: str = "services.bff",
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Bff:
        api, stream = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        environment = {**self._environment(api, stream, registry_url, options), **more}
        found = Bff(api, stream, self.start(module, environment, name))
        await eventually(lambda: answers(f"{api}/readyz"), 90, f"{name} ready")
        await eventually(lambda: answers(f"{stream}/livez"), 90, f"{name} listening")
        return found

    def start_again(self, bff: Bff, name: str, options: dict[str, str]) -> Bff:
        """In the place of one that is gone, at its ports; nobody waits for it."""
        environment = self._environment(bff.api, bff.stream, self.registry_url, options)
        return replace(bff, process=self.start("services.bff", environment, name))

    def _environment(
        self, api: str, stream: str, registry_url: str, options: dict[str, str]
    ) -> dict[str, str]:
        own = {
            "DATABASE_URL": self.dsns.database_url,
            "WORKER_DATABASE_URL": self.dsns.worker_database_url,
            "NATS_SEED": self.nats.seed("bff"),
            "SERVICE_KEY": json.dumps(self.issuer.keys["bff"].as_dict(private=True)),
            "PORT": api.rpartition(":")[2],
            "PUBLIC_ORIGIN": api,
            "PAGE_TOKEN_KEY": "made-up",
            "STREAM_PORT": stream.rpartition(":")[2],
            "STREAM_ORIGIN": stream,
            **options,
        }
        shared = {
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": self.nats.url,
            "TENANTRY_OIDC_ISSUER": self.issuer.origin,
            "TENANTRY_REGISTRY_URL": registry_url,
            "TENANTRY_SYNC_URL": nowhere(),
        }
        return shared | {f"TENANTRY_BFF_{name}": value for name, value in own.items()}

    def start(self, module: str, environment: dict[str, str], name: str) -> Process:
        self.processes.append(Process(module, environment, self.folder / f"{name}.log"))
        return self.processes[-1]

    def end(self) -> None:
        for process in self.processes:
            process.end()


def nowhere() -> str:
    """An address at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


async def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        async with http_client() as http:
            return (await http.get(url)).is_success
    return False
