"""The notifier on a test's own database, with a clock that the test moves and its peers on loopback."""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from joserfc.jwk import ECKey

from chassis.clock import ManualClock
from chassis.db import Database
from chassis.ids import uuid7
from chassis.inbox import dispatch
from chassis.service_tokens import ServiceTokens
from contracts.event import Event
from services.notifier.consumers import handlers, queries
from services.notifier.deliverer import Deliverer
from services.notifier.directory import Directory
from services.notifier.mailer import Mailer
from services.notifier.settings import Settings
from services.notifier.signatures import Sealing, new_secret
from tests.infra import ServiceDsns
from tests.integration.notifier.happened import message
from tests.integration.notifier.outside import Issuer, Registry

SEALING_KEY = base64.b64encode(b"s" * 32).decode()
TABLES = ("notice", "mail", "endpoint", "message", "attempt", "outbox", "inbox", "idempotency", "dead_letter")


def settings_for(
    dsns: ServiceDsns, issuer: str, registry: str, mail_folder: Path, **changes: Any
) -> Settings:
    """As from the environment of local mode."""
    key = ECKey.generate_key("P-256").as_dict(private=True)
    told = {
        "TENANTRY_MODE": "local",
        "TENANTRY_NATS_URL": "nats://127.0.0.1:1",
        "TENANTRY_OIDC_ISSUER": issuer,
        "TENANTRY_REGISTRY_URL": registry,
        "database_url": dsns.database_url,
        "worker_database_url": dsns.worker_database_url,
        "nats_seed": "unused",
        "service_key": json.dumps(key),
        "port": 1,
        "mail_folder": mail_folder,
        "sealing_key": SEALING_KEY,
        "allow_private_endpoints": True,
        "retry_after": (30.0, 60.0),
        "poll": 0.01,
    }
    return Settings.model_validate({**told, **changes})


def new_directory(settings: Settings) -> Directory:
    tokens = ServiceTokens(settings.oidc_issuer, "notifier", settings.service_key.get_secret_value())
    return Directory(settings.registry_url, tokens)


@dataclass
class Stage:
    """`admin` sees everything; the service's own view is `database`."""

    database: Database
    admin: asyncpg.Connection
    clock: ManualClock
    settings: Settings
    issuer: Issuer
    registry: Registry
    closes: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def mailer(self) -> Mailer:
        directory = new_directory(self.settings)
        self.closes.append(directory.close)
        return Mailer(self.database, directory, self.clock, self.settings)

    def deliverer(self, **changes: Any) -> Deliverer:
        settings = self.settings.model_copy(update=changes)
        found = Deliverer(self.database, Sealing(SEALING_KEY), self.clock, settings)
        self.closes.append(found._http.aclose)
        return found

    async def hear(self, *events: Event) -> None:
        """As the inbox does, in one transaction."""
        async with self.database.worker() as tx:
            await dispatch(handlers(self.clock))(tx, [message(event) for event in events])

    async def subscribe(self, tenant_id: UUID, url: str, *event_types: str) -> tuple[UUID, str]:
        """An endpoint as the API keeps it: its id and its secret."""
        endpoint_id, secret = uuid7(), new_secret()
        async with self.database.transaction(tenant_id) as tx:
            await queries.add_endpoint(
                tx,
                tenant_id=tenant_id,
                endpoint_id=endpoint_id,
                url=url,
                event_types=list(event_types or ("*",)),
                sealed_secret=Sealing(SEALING_KEY).seal(secret, str(endpoint_id)),
                now=self.clock.now(),
            )
        return endpoint_id, secret

    def pass_time(self, seconds: float) -> datetime:
        self.clock.advance(timedelta(seconds=seconds))
        return self.clock.now()

    async def rows(self, table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.admin.fetch(f"select * from notifier.{table}")]  # noqa: S608

    async def said(self, type_: str) -> list[dict[str, Any]]:
        """Bodies of the events in the outbox."""
        sql = "select payload from notifier.outbox where subject = $1 order by id"
        return [json.loads(bytes(row["payload"])) for row in await self.admin.fetch(sql, type_)]

    async def everything(self, tables: Sequence[str] = TABLES) -> str:
        """All that is stored, as text; bytes are read as text too."""
        return "\n".join(
            value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for found in [await self.rows(table) for table in tables]
            for row in found
            for value in row.values()
        )

    def mails(self) -> list[EmailMessage]:
        return [read_mail(path) for path in sorted(self.settings.mail_folder.glob("*.eml"))]


def read_mail(path: Path) -> EmailMessage:
    found = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found
