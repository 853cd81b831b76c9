"""The audit log under faults: a registry that says as much as it can, and sequencers that are killed at it."""

import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from chassis import outbox
from chassis.db import Database
from contracts.registry import TenantTrialStartedV1
from tenantry.stack.processes import Child, Command
from tests.chaos.world import Undone, World
from tests.integration.audit.stage import of_its_own
from tests.ports import free_port

AT_ONCE = 60


@dataclass
class AuditWorld(World):
    """`sequencer-1`, `sequencer-2`, …: each the whole service, with a port of its own."""

    ports: dict[str, int] = field(default_factory=dict)
    appenders: dict[str, str] = field(default_factory=lambda: {"sequencer-2": "2"})
    """Processes that append; one of the two appends itself, so that each takes over from the other kind."""

    def start(self, name: str) -> None:
        if not name.startswith("sequencer"):
            super().start(name)
            return
        dsns = self.databases.dsns("audit")
        told = {
            "DATABASE_URL": dsns.database_url,
            "WORKER_DATABASE_URL": dsns.worker_database_url,
            "NATS_SEED": self.nats.seed("audit"),
            "SERVICE_KEY": "{}",
            "PORT": str(self.ports.setdefault(name, free_port())),
            **{setting.upper(): value for setting, value in of_its_own(self.logs).items()},
            "ANCHOR_FOLDER": str(self.logs / "anchors"),
            "ANCHOR_SECONDS": "1",
            "CHECKPOINT_SECONDS": "0.2",
            "APPENDERS": self.appenders.get(name, "0"),
        }
        environment = {
            **os.environ,
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": self.nats.url,
            "TENANTRY_OIDC_ISSUER": "http://127.0.0.1:1",
            **{f"TENANTRY_AUDIT_{name}": value for name, value in told.items()},
        }
        command = [sys.executable, "-m", "services.audit", "serve"]
        self.actors[name] = Child(Command(name, command, environment, self.logs / f"{name}.log"))

    async def _write_once(self, database: Database) -> None:
        """Many events of several tenants in one transaction."""
        said = [self._event(self.random.choice(self.tenants)) for _ in range(AT_ONCE)]
        async with database.worker() as tx:
            await outbox.add_all(tx, said)
            if self.random.random() < 0.02:
                raise Undone

    def _event(self, tenant: UUID) -> tuple[TenantTrialStartedV1, int]:
        now = datetime.now(UTC)
        return TenantTrialStartedV1(tenant_id=tenant, trial_ends_at=now, products=("notetaker",)), 1
