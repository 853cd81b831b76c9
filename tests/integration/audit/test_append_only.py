"""What is in the log stays: the database itself refuses every way to change it to the roles that services have."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from tests.infra import ServiceDsns
from tests.integration.audit.stage import Log
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = UUID("019b0000-0000-7000-8000-000000000001")
FORBIDDEN = [
    "update audit_event set entry = ''",
    "update audit_event set actor_id = 'somebody else'",
    "delete from audit_event",
    "truncate audit_event",
    "update tile set hashes = decode(repeat('00', 32), 'hex')",
    "update tile set hashes = substring(hashes from 1 for 32)",
    "update tile set number = number + 1",
    "update tile set level = level + 7",
    "update tile set tenant_id = gen_random_uuid()",
    "delete from tile",
    "truncate tile",
    "update checkpoint set note = ''",
    "delete from checkpoint",
    "truncate checkpoint",
    "update tree_head set size = size - 1",
    "update tree_head set size = size, root = decode(repeat('00', 32), 'hex')",
    "update tree_head set tenant_id = gen_random_uuid(), size = size + 1",
    "update tree_head set size = size + 1, received_at = received_at - interval '1 s'",
    "delete from tree_head",
    "truncate tree_head",
    "alter table audit_event disable trigger all",
    "drop table audit_event",
    "set session_replication_role = replica",
]


@pytest.fixture
async def written(log: Log) -> Log:
    """A tile and some leaves more, signed."""
    await log.append([numbered(number, tenant=TENANT) for number in range(1, 260)], NOW)
    assert await log.sign(NOW) == 1
    return log


@pytest.mark.parametrize("login", ["app", "worker"])
async def test_no_role_of_audit_changes_or_removes_what_was_written(
    written: Log, service_dsns: Callable[[str], ServiceDsns], login: str
) -> None:
    before = await everything(written)
    for sql in FORBIDDEN:
        assert await is_refused(service_dsns("audit"), login, sql), f"{login} may: {sql}"
    assert await everything(written) == before


async def is_refused(dsns: ServiceDsns, login: str, sql: str) -> bool:
    urls = {"app": dsns.database_url, "worker": dsns.worker_database_url, "superuser": dsns.admin_dsn}
    connection = await asyncpg.connect(urls[login], server_settings={"search_path": "audit"})
    try:
        await connection.execute("select set_config('tenantry.tenant_id', $1, false)", str(TENANT))
        await connection.execute(sql)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError):
        return True
    else:
        return False
    finally:
        await connection.close()


DATA_CHANGES = [sql for sql in FORBIDDEN if sql.split()[0] in {"update", "delete", "truncate"}]


async def test_even_a_superuser_is_refused_as_long_as_the_triggers_stand(
    written: Log, service_dsns: Callable[[str], ServiceDsns]
) -> None:
    """A superuser, whom neither grants nor row-level security stop."""
    before = await everything(written)
    for sql in DATA_CHANGES:
        assert await is_refused(service_dsns("audit"), "superuser", sql), f"with triggers one may: {sql}"
    assert await everything(written) == before


async def everything(log: Log) -> list[list[asyncpg.Record]]:
    return [
        await log.admin.fetch(f"select * from audit.{table} order by 1, 2")  # noqa: S608  # names of ours
        for table in ("audit_event", "tile", "checkpoint", "tree_head")
    ]
