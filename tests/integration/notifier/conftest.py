"""The notifier with a real database, a real mail folder, and its peers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.clock import ManualClock
from chassis.db import Database
from chassis.ids import uuid7
from tests.infra import ServiceDsns
from tests.integration.chassis.kinds import Runs
from tests.integration.notifier.asking import client_of
from tests.integration.notifier.outside import Issuer, Registry, admin_of
from tests.integration.notifier.peer import Peer
from tests.integration.notifier.stage import Stage, settings_for


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    found = Issuer()
    async with found.peer:
        yield found


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    found = Registry()
    async with found.peer:
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Peer]:
    """A customer's system."""
    async with Peer() as peer:
        yield peer


@pytest.fixture
async def stage(
    database: Callable[[str], Awaitable[Database]],
    service_dsns: Callable[[str], ServiceDsns],
    admin: asyncpg.Connection,
    issuer: Issuer,
    registry: Registry,
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    settings = settings_for(
        service_dsns("notifier"), issuer.url, registry.peer.origin, tmp_path / "mail folder"
    )
    clock = ManualClock(datetime.now(UTC))
    found = Stage(await database("notifier"), admin, clock, settings, issuer, registry)
    yield found
    for close in found.closes:
        await close()


@pytest.fixture
async def run_part() -> AsyncIterator[Callable[[Runs], "asyncio.Task[None]"]]:
    """Run a part until the end of the test; a failure of the part fails the test."""
    tasks: list[asyncio.Task[None]] = []

    def start(part: Runs) -> "asyncio.Task[None]":
        tasks.append(asyncio.create_task(part.run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


@pytest.fixture
def tenant_id() -> UUID:
    return uuid7()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Self-signed, for 127.0.0.1, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


@pytest.fixture
async def client(stage: Stage, tenant_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    """As an IT admin of the tenant, with addresses under it."""
    async with client_of(stage) as found:
        found.base_url = httpx.URL(f"http://test/v1/tenants/{tenant_id}")
        found.headers["authorization"] = f"Bearer {stage.issuer.token(**admin_of(tenant_id, 'IT_ADMIN'))}"
        found.headers["idempotency-key"] = "k1"
        yield found
