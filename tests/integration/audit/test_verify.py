"""`tenantry verify` over a real log: it passes what is whole and finds what a superuser changed behind audit's back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import httpx
import pytest

from chassis.ids import uuid7
from tenantry.commands import running
from tenantry.commands.audit.verify import verified
from tenantry.stack.errors import StackError
from tests.integration.audit.stage import Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 230
"""More than one page of the API."""
EDIT_ENTRY = """
update audit.audit_event set entry = convert_to(replace(convert_from(entry, 'utf8'), 'operator-1', 'nobody'), 'utf8')
where leaf_index = 211
"""
EDIT_ALL_OF_IT = """
with forged as (
    select convert_to(replace(convert_from(entry, 'utf8'), 'operator-1', 'nobody'), 'utf8') as entry
    from audit.audit_event where leaf_index = 3
)
update audit.audit_event
set entry = forged.entry, actor_id = 'nobody', leaf_hash = sha256('\\x00'::bytea || forged.entry)
from forged where leaf_index = 3
"""


@dataclass
class Installation:
    """The installation that the command finds: audit alone."""

    origin: str

    def url(self, _: str) -> str:
        return self.origin


@pytest.fixture
async def tenant(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> UUID:
    """A tenant whose log is signed, in the installation that the command looks at."""

    async def token(*_: object) -> str:
        return issuer.operator()["Authorization"].removeprefix("Bearer ")

    monkeypatch.setattr(running, "stack", lambda: Installation(str(audit.base_url)))
    monkeypatch.setattr(running, "operator_token", token)
    tenant = uuid7()
    await log.append([numbered(number, tenant=tenant) for number in range(1, SIZE + 1)], NOW)
    await log.sign(NOW)
    return tenant


async def test_an_untouched_log_verifies(tenant: UUID) -> None:
    assert f"{SIZE} records give the signed root" in (await verified(tenant)).proved[0]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (EDIT_ENTRY, "record 211: actor_id"),
        (EDIT_ALL_OF_IT, "the records give the root"),
        (
            "update audit.audit_event set actor_id = 'somebody else' where leaf_index = 3",
            "record 3: actor_id",
        ),
        (
            "update audit.audit_event set action = 'registry.tenant.deleted.v1' where leaf_index = 0",
            "record 0: action",
        ),
        ("update audit.audit_event set received_at = received_at - interval '1 d'", "record 0: received_at"),
        ("update audit.audit_event set target_id = 'other' where leaf_index = 9", "record 9: target_id"),
        ("update audit.audit_event set source_seq = 9 where leaf_index = 9", "record 9: source_seq"),
        ("delete from audit.audit_event where leaf_index = 100", "record 100: leaf_index"),
        ("delete from audit.audit_event where leaf_index = 229", "record 229: leaf_index"),
        ("delete from audit.audit_event", "record 0: leaf_index"),
        ("update audit.checkpoint set note = replace(note, '230', '229')", "no valid signature"),
    ],
)
async def test_what_a_superuser_changed_is_found(
    tenant: UUID, admin: asyncpg.Connection, sql: str, found: str
) -> None:
    async with admin.transaction():
        await admin.execute("set local session_replication_role = replica")  # past every trigger
        await admin.execute(sql)
    with pytest.raises(StackError, match=f"NOT VERIFIED: .*{found}"):
        await verified(tenant)
