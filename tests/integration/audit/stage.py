"""Audit as its `app.py` composes it, and the ways to look at its log from outside."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.db import Database
from contracts.envelope import Message
from services.audit.log import store
from services.audit.log.checkpoints import sign_heads
from services.audit.log.note import Signer
from services.audit.log.sequencer import append
from services.audit.records.entry import record_of
from services.audit.records.personal.keys import Keys
from services.audit.records.personal.model import RootKey
from services.audit.records.record import Record
from services.audit.settings import Settings
from tests.infra import ServiceDsns, TestNats
from tests.integration.chassis.numbered_events import Numbered
from tests.ports import free_port

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNING = bytes(range(32))
ROOT_KEY = base64.b64encode(bytes(range(1, 33))).decode()
KEYS = Keys(RootKey(ROOT_KEY))
SIGNER = Signer("tenantry.example/audit", KEY)


def of_its_own(folder: Path) -> dict[str, str]:
    """Settings that audit cannot start without, beside those of every service."""
    return {
        "signing_key": base64.b64encode(SIGNING).decode(),
        "root_key": ROOT_KEY,
        "page_token_key": "made up for tests",
        "export_folder": str(folder / "exports"),
        "bundle_folder": str(folder / "bundles"),
    }


def settings_of(dsns: ServiceDsns, nats: TestNats, issuer: str, folder: Path, **changed: Any) -> Settings:
    """Quick rounds, a port and folders of the test's own."""
    port = free_port()
    given: dict[str, Any] = {
        "TENANTRY_MODE": "local",
        "TENANTRY_NATS_URL": nats.url,
        "TENANTRY_OIDC_ISSUER": issuer,
        "database_url": dsns.database_url,
        "worker_database_url": dsns.worker_database_url,
        "nats_seed": nats.seed("audit"),
        "service_key": "{}",
        "port": port,
        "public_origin": f"http://127.0.0.1:{port}",
        **of_its_own(folder),
        "checkpoint_seconds": 0.1,
        "gap_seconds": 0.2,
        "anchor_seconds": 0.2,
        "receipt_seconds": 4,
        "gap_alarm_seconds": 1,
        "drain_seconds": 2,
    }
    return Settings(**{**given, **changed})


def records_of(events: Iterable[Numbered]) -> list[Record]:
    return [record_of(Message(event.envelope, event.data)) for event in events]


@dataclass
class Log:
    """Reads what audit wrote; `admin` sees everything."""

    admin: asyncpg.Connection
    database: Database

    async def records(self, tenant_id: UUID) -> list[dict[str, Any]]:
        """A tenant's records in the order of the log."""
        async with self.database.reading(tenant_id) as tx:
            return await store.records_from(tx, tenant_id, 0, 100_000)

    async def rows(self, tenant_id: UUID) -> list[dict[str, Any]]:
        """All columns, in the order of the log."""
        sql = "select * from audit.audit_event where tenant_id = $1 order by leaf_index"
        return [dict(row) for row in await self.admin.fetch(sql, tenant_id)]

    async def entries(self, tenant_id: UUID) -> list[bytes]:
        return [bytes(row["entry"]) for row in await self.records(tenant_id)]

    async def head(self, tenant_id: UUID) -> tuple[int, bytes]:
        row = await self.admin.fetchrow(
            "select size, root from audit.tree_head where tenant_id = $1", tenant_id
        )
        return (row["size"], bytes(row["root"])) if row else (0, b"")

    async def said(self, prefix: str) -> list[tuple[str, dict[str, Any]]]:
        """(type, body) of audit's own events, in the order in which they were written."""
        rows = await self.admin.fetch(
            "select subject, convert_from(payload, 'utf8') as body from audit.outbox"
            " where starts_with(subject, $1) order by id",
            prefix,
        )
        return [(row["subject"], json.loads(row["body"])) for row in rows]

    async def append(self, events: Sequence[Numbered], at: Any) -> None:
        """As the inbox does: one transaction of the worker."""
        async with self.database.worker() as tx:
            await append(tx, records_of(events), at)

    async def sign(self, at: Any, most: int = 500) -> int:
        async with self.database.worker() as tx:
            return await sign_heads(tx, SIGNER, at, most)
