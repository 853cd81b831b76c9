"""nats-server from its wheel, with the permissions and limits that production uses."""

import asyncio
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import nkeys

from contracts.subjects import SERVICES
from deploy.nats.permissions import OPS
from deploy.nats.server import Listen, configuration
from tenantry.stack.errors import StackError
from tenantry.stack.processes import Child, Command, python

START_SECONDS = 15.0
USERS = (OPS, *SERVICES)


def new_seeds() -> dict[str, str]:
    """A user nkey for ops and for each service: user → seed."""
    return {user: nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode() for user in USERS}


def public_keys(seeds: Mapping[str, str]) -> dict[str, str]:
    return {
        user: nkeys.from_seed(bytearray(seed, "ascii")).public_key.decode() for user, seed in seeds.items()
    }


def binary() -> str:
    """The server of this environment's wheel. Raises StackError when it is missing."""
    beside = Path(python()).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise StackError("nats-server's wheel is not installed; run `make setup`")
    return found


class NatsServer:
    """One embedded server."""

    def __init__(self, listen: Listen, seeds: Mapping[str, str], folder: Path) -> None:
        self.listen = listen
        self.seeds = dict(seeds)
        self._folder = folder
        self.child: Child | None = None

    @property
    def url(self) -> str:
        return f"nats://{self.listen.host}:{self.listen.port}"

    async def start(self) -> None:
        """Write the configuration, start, wait until JetStream answers. Raises StackError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self.listen.name}.conf"
        path.write_text(configuration(self.listen, public_keys(self.seeds)))
        path.chmod(0o600)
        log = self._folder / f"{self.listen.name}.log"
        self.child = Child(Command("nats", [binary(), "-c", str(path)], {"PATH": os.defpath}, log))
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await asyncio.to_thread(self._is_healthy):
            if not self.child.is_running:
                raise StackError(
                    f"nats-server did not start; its log {log} ends with:\n{self.child.last_words()}"
                )
            if asyncio.get_running_loop().time() > deadline:
                raise StackError(f"nats-server does not answer on port {self.listen.port}; see {log}")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()

    def wipe(self) -> None:
        """Lose everything it ever stored; the server must be down."""
        shutil.rmtree(self.listen.store, ignore_errors=True)

    def _is_healthy(self) -> bool:
        address = f"http://127.0.0.1:{self.listen.monitor_port}/healthz?js-server-only=true"
        try:
            with urllib.request.urlopen(address, timeout=1) as answer:
                return bool(json.loads(answer.read())["status"] == "ok")
        except (urllib.error.URLError, OSError, ValueError):
            return False
