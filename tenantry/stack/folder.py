"""The data folder: ports and secrets chosen once and kept, one instance at a time."""

import base64
import contextlib
import fcntl
import json
import os
import random
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from joserfc.jwk import ECKey

from contracts.subjects import SERVICES
from deploy.postgres.roles import LOGINS
from tenantry.stack.errors import StackError
from tenantry.stack.nats_server import new_seeds

PRODUCTS = ("ai_console", "compliance_suite", "notetaker")
"""The example products, each a process of its own."""
LOCK_VENDOR = "lock_vendor"
"""The simulated vendor of locks, which the bff speaks to."""
PORTS = ("postgres", "nats", "nats_monitor", "issuer", *SERVICES, "bff_stream", *PRODUCTS, LOCK_VENDOR)
SERVER_PORTS = range(10_000, 32_000)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Everything secret of one installation; in a file that only its owner reads."""

    postgres_password: str
    passwords: dict[str, str]
    nats_seeds: dict[str, str]
    service_keys: dict[str, dict[str, str]]
    product_keys: dict[str, dict[str, str]]
    issuer_admin: str
    erp_webhook: str
    audit_signing: str
    audit_root: str
    notifier_sealing: str
    sync_cursor: str
    page_tokens: str
    key_pepper: str
    trial_links: str
    desktop_passphrase: str
    lock_vendor: str


class DataFolder:
    """Opens the folder; `lock` keeps a second instance out until `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"the data folder {self.path} cannot be made: {error}; set TENANTRY_DATA_DIR"
            ) from error

    def lock(self) -> None:
        """Raises StackError when another instance uses the folder."""
        file = (self.path / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            file.close()
            raise StackError(
                f"another instance (pid {pid}) uses {self.path}; stop it, or set TENANTRY_DATA_DIR to another folder"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def ports(self) -> dict[str, int]:
        """Name → port; chosen free on first use, kept because issuer and stored addresses depend on them."""
        path = self.path / "ports.json"
        kept: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in PORTS if name not in kept]
        kept |= dict(zip(missing, free_ports(len(missing)), strict=True))
        if missing:
            path.write_text(json.dumps(kept, indent=2) + "\n")
        return kept

    def check_ports(self, ports: dict[str, int]) -> None:
        """Raises StackError naming the port that somebody else uses."""
        for name, port in ports.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise StackError(
                        f"port {port} ({name}) is used by another program; stop it, or delete {self.path / 'ports.json'}"
                        " to choose new ports (the addresses of this installation then change)"
                    ) from error

    def secrets(self) -> Secrets:
        """Made once, by the system's random source."""
        path = self.path / "secrets.json"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(new_secrets(), file, indent=2)
        known = json.loads(path.read_text())
        if missing := {name: value for name, value in new_secrets().items() if name not in known}:
            known |= missing  # a folder of an earlier version
            path.write_text(json.dumps(known, indent=2))
        return Secrets(**known)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, all different; below the range from which systems give ports to clients,

    so that no outgoing connection sits on one while its server is down. Raises StackError when there are too few.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(SERVER_PORTS, len(SERVER_PORTS)):
        if len(found) == count:
            break
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
    if len(found) < count:
        raise StackError(f"{count} free ports between {SERVER_PORTS[0]} and {SERVER_PORTS[-1]} are needed")
    return found


def new_keys(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A private JWK for each."""
    return {name: dict(ECKey.generate_key("P-256").as_dict(private=True)) for name in names}


def new_secrets() -> dict[str, Any]:
    def random_bytes() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return {
        "postgres_password": secrets.token_hex(16),
        "passwords": {
            f"{service}_{login}": secrets.token_hex(16) for service in SERVICES for login in LOGINS
        },
        "nats_seeds": new_seeds(),
        "service_keys": new_keys(SERVICES),
        "product_keys": new_keys(PRODUCTS),
        "issuer_admin": secrets.token_urlsafe(32),
        "erp_webhook": secrets.token_urlsafe(32),
        "audit_signing": random_bytes(),
        "audit_root": random_bytes(),
        "notifier_sealing": random_bytes(),
        "sync_cursor": random_bytes(),
        "page_tokens": random_bytes(),
        "key_pepper": random_bytes(),
        "trial_links": random_bytes(),
        "desktop_passphrase": secrets.token_urlsafe(24),
        "lock_vendor": secrets.token_urlsafe(32),
    }
