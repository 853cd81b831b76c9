"""A hotel with locks: the bff, audit and a vendor as processes of their own, and what can be seen of each from outside."""

import contextlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.ids import uuid7
from services.audit.log.note import Signer
from tests.infra import ServiceDsns, TestNats, eventually
from tests.integration.audit.stage import SIGNING, of_its_own
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, LARGE, Bff, Process, Stage, answers
from tests.ports import free_port

KEY = Signer("tenantry.example/audit", Ed25519PrivateKey.from_private_bytes(SIGNING)).verifier_key()
VENDOR_KEY = "made-up"
ENDED = {"success", "error"}
QUICK = {
    **LARGE,
    "LOCK_DEADLINE_SECONDS": "8",
    "LOCK_RECEIPT_SECONDS": "1",
    "LOCK_VENDOR_SECONDS": "1.5",
    "LOCK_SKEW_SECONDS": "1",
    "LOCK_REPORT_SECONDS": "0.3",
}


@dataclass
class Town:
    """Shared by the tests of this folder; each brings a desk of its own. What one breaks it mends."""

    stage: Stage
    nats: TestNats
    audit_dsns: ServiceDsns
    vendor_port: int = field(default_factory=free_port)
    audit_port: int = field(default_factory=free_port)
    audit: Process | None = None
    vendor: Process | None = None
    bffs: list[Bff] = field(default_factory=list)
    _well: Bff | None = None

    @property
    def vendor_url(self) -> str:
        return f"http://127.0.0.1:{self.vendor_port}"

    @property
    def audit_url(self) -> str:
        return f"http://127.0.0.1:{self.audit_port}"

    async def start_vendor(self) -> None:
        environment = {
            "TENANTRY_MODE": "local",
            "TENANTRY_LOCK_VENDOR_KEY": VENDOR_KEY,
            "TENANTRY_LOCK_VENDOR_PORT": str(self.vendor_port),
            "TENANTRY_LOCK_VENDOR_DATA": str(self.stage.folder),
        }
        self.vendor = self._run("products.locks", environment, "vendor")
        await eventually(lambda: answers(f"{self.vendor_url}/readyz"), 30, "the vendor")

    async def start_audit(self) -> None:
        own = {
            "DATABASE_URL": self.audit_dsns.database_url,
            "WORKER_DATABASE_URL": self.audit_dsns.worker_database_url,
            "NATS_SEED": self.nats.seed("audit"),
            "SERVICE_KEY": json.dumps(self.stage.issuer.keys["audit"].as_dict(private=True)),
            "PORT": str(self.audit_port),
            **{setting.upper(): value for setting, value in of_its_own(self.stage.folder).items()},
            "CHECKPOINT_SECONDS": "0.2",
            "SILENCE_SECONDS": "3600",  # most sources do not exist here
            "DRAIN_SECONDS": "2",
        }
        environment = {
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": self.nats.url,
            "TENANTRY_OIDC_ISSUER": self.stage.issuer.origin,
            **{f"TENANTRY_AUDIT_{name}": value for name, value in own.items()},
        }
        self.audit = self._run("services.audit", environment, "audit")
        await eventually(lambda: answers(f"{self.audit_url}/readyz"), 30, "audit")

    async def start_bff(self, crash_at: str | None = None, *, stalls: bool = False, **options: str) -> Bff:
        """Killed at a step of its first lock action; or standing still there until `go_on`."""
        told = {
            **QUICK,
            "LOCK_VENDOR_URL": self.vendor_url,
            "LOCK_VENDOR_KEY": VENDOR_KEY,
            "AUDIT_VERIFIER_KEY": KEY,
            **options,
        }
        name = f"bff-{len(self.bffs)}-{crash_at or 'well'}"
        if crash_at is None:
            self.bffs.append(await self.stage.start_bff(name, self.stage.registry_url, told))
            return self.bffs[-1]
        module = "tests.integration.locks.dying_bff"
        self._sign.unlink(missing_ok=True)
        crash = {"CRASH_AT": crash_at, "STALL_UNTIL": str(self._sign) if stalls else ""}
        self.bffs.append(await self.stage.start_bff(name, self.stage.registry_url, told, module, crash))
        return self.bffs[-1]

    async def well(self) -> Bff:
        """One that is not killed, started when it is first wanted."""
        if self._well is None:
            self._well = await self.start_bff()
        return self._well

    def end_bffs(self) -> None:
        for bff in self.bffs:
            bff.process.end()
        self._well = None

    @property
    def _sign(self) -> Path:
        return Path(self.stage.folder) / "go-on"

    def go_on(self) -> None:
        self._sign.touch()

    def _run(self, module: str, environment: dict[str, str], name: str) -> Process:
        process = Process(module, environment, Path(self.stage.folder) / f"{name}.log")
        self.stage.processes.append(process)
        return process

    async def misbehave(self, how: str, times: int = 1_000_000, seconds: float = 60.0) -> None:
        body = {"how": how, "times": times, "seconds": seconds}
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.put(f"{self.vendor_url}/control/faults", json=body)).raise_for_status()

    async def command_directly(self, desk: Desk, lock_id: str) -> None:
        """At the vendor's own console, where nobody of ours sees it."""
        body = {
            "site": str(desk.tenant_id),
            "property": desk.properties[0],
            "lock_id": lock_id,
            "action": "unlock",
        }
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{self.vendor_url}/control/commands", json=body)).raise_for_status()

    async def lines(self, key: UUID | None = None) -> list[dict[str, Any]]:
        """The vendor's log, or what of it is about one action."""
        headers = {"Authorization": f"Bearer {VENDOR_KEY}"}
        found: list[dict[str, Any]] = []
        async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
            while True:
                after = found[-1]["entry"] if found else 0
                answer = await http.get(f"{self.vendor_url}/v1/log", params={"after": after, "limit": 1000})
                page = answer.raise_for_status().json()["lines"]
                if not page:
                    break
                found += page
        return [line for line in found if key is None or line["key"] == str(key)]

    async def arrivals(self, action_id: UUID) -> int:
        """How often a command of this key has reached the vendor, whatever it did with it."""
        path = Path(self.stage.folder) / "lock_vendor.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as db:
            [[found]] = db.execute("select count(*) from arrival where key = ?", (str(action_id),))
        return int(found)

    async def look(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """As superuser, on a connection of its own."""
        connection = await asyncpg.connect(self.audit_dsns.admin_dsn)
        try:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    async def action(self, action_id: UUID) -> dict[str, Any]:
        [row] = await self.look("select * from bff.lock_action_proxy_audit where action_id = $1", action_id)
        return row

    async def actions_of(self, desk: Desk) -> list[dict[str, Any]]:
        return await self.look(
            "select * from bff.lock_action_proxy_audit where tenant_id = $1 order by action_id",
            desk.tenant_id,
        )

    async def until_ended(self, action_id: UUID, limit: float = 45.0) -> dict[str, Any]:
        async def has_ended() -> bool:
            return (await self.action(action_id))["state"] in ENDED

        await eventually(has_ended, limit, "the end of the action")
        return await self.action(action_id)

    async def records_about(self, action_id: UUID) -> list[dict[str, Any]]:
        """What the audit log says of an action, in order."""
        return await self.look(
            "select record_id, action, received_at, correlation_id, entry from audit.audit_event"
            " where target_id = $1 or position($1 in convert_from(entry, 'utf8')) > 0 order by leaf_index",
            str(action_id),
        )

    async def outcomes(self, action_id: UUID) -> list[dict[str, Any]]:
        """What the bff has said about the end of an action."""
        return await self.look(
            "select subject from bff.outbox where subject ~ 'lock_action.(completed|failed)'"
            " and position($1 in convert_from(payload, 'utf8')) > 0",
            str(action_id),
        )

    async def forgive(self) -> None:
        """Let no halt of this test reach the next one; no service can do this."""
        await self.look("delete from audit.lock_resumption")
        await self.look("delete from audit.lock_halt")
        await self.look("delete from bff.lock_halt_resumed")
        await self.look("delete from bff.lock_halt")

    async def no_command_without_receipt(self) -> None:
        """The vendor's whole log against the audit log: every line has a record that was there before it."""
        rows = await self.look("select * from bff.lock_action_proxy_audit")
        events = {str(row["action_id"]): row["event_id"] for row in rows}
        recorded = await self.look("select record_id, received_at from audit.audit_event")
        received = {row["record_id"]: row["received_at"] for row in recorded}
        for line in await self.lines():
            if line["key"] is not None:
                assert received[events[line["key"]]] < datetime.fromisoformat(line["executed_at"]), line
        keys = [line["key"] for line in await self.lines() if line["key"] is not None]
        assert len(keys) == len(set(keys)), "a command was executed twice"

    async def check(self, action_id: UUID) -> dict[str, Any]:
        """What must hold of every action that has ended, whatever was killed; answers its row."""
        row = await self.until_ended(action_id)
        lines = await self.lines(action_id)
        assert len(lines) == (1 if row["state"] == "success" else 0), (row, lines)
        requested = "bff.backoffice.lock_action.requested.v1"
        outcome = "completed" if row["state"] == "success" else "failed"
        wanted = {requested, f"bff.backoffice.lock_action.{outcome}.v1"}

        async def is_recorded() -> bool:
            return wanted <= {record["action"] for record in await self.records_about(action_id)}

        await eventually(is_recorded, 30, "the records of the action")
        records = {record["action"]: record for record in await self.records_about(action_id)}
        assert records[requested]["record_id"] == row["event_id"]
        assert len({records[name]["correlation_id"] for name in wanted}) == 1
        if lines:
            assert row["leaf_index"] is not None, "a command left without a receipt"
            executed_at = datetime.fromisoformat(lines[0]["executed_at"])
            assert records[requested]["received_at"] < executed_at
        return row


async def ask(
    http: httpx.AsyncClient, bff: Bff, desk: Desk, lock_id: str = "room-1", action: str = "unlock"
) -> httpx.Response:
    """POST an action, under a new key."""
    return await desk.send(
        http,
        "POST",
        f"{bff.api}{BASE}/locks/{lock_id}/actions",
        {"action": action, "property": desk.properties[0]},
        [("Idempotency-Key", str(uuid7()))],
    )


async def asked(http: httpx.AsyncClient, bff: Bff, desk: Desk, lock_id: str = "room-1") -> UUID:
    """The id of an action that was taken in."""
    answer = await ask(http, bff, desk, lock_id)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["action_id"])
