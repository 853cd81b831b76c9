"""Tenant isolation in the database itself: every table and partition, the request role, a reused connection."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis import outbox
from chassis.clock import SystemClock
from chassis.db import Database
from contracts.registry import TenantReactivatedV1
from contracts.subjects import SERVICES
from tests.infra import ServiceDsns
from tests.integration.chassis.platform_tables import REASONS

TABLES = """
select n.nspname as service, c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
       exists (select 1 from pg_inherits i where i.inhrelid = c.oid) as is_partition,
       exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
           as has_tenant
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1) and c.relkind in ('r', 'p') order by 1, 2
"""


async def test_every_table_and_partition_has_forced_row_level_security_or_a_reason(
    admin: asyncpg.Connection,
) -> None:
    rows = await admin.fetch(TABLES, list(SERVICES))
    assert len(rows) > 100
    bare = [f"{row['service']}.{row['name']}" for row in rows if not (row["enabled"] and row["forced"])]
    assert [name for name in bare if name.split(".")[1] not in REASONS] == []


async def test_the_request_role_holds_no_grant_on_a_partition(admin: asyncpg.Connection) -> None:
    rows = [row for row in await admin.fetch(TABLES, list(SERVICES)) if row["is_partition"]]
    open_ = [
        f"{row['service']}.{row['name']} {right}"
        for row in rows
        for right in ("select", "insert", "update", "delete")
        for role in (f"{row['service']}_app", f"{row['service']}_worker")
        if await admin.fetchval(
            "select has_table_privilege($1, $2, $3)", role, f"{row['service']}.{row['name']}", right
        )
    ]
    assert open_ == []


@pytest.mark.parametrize("service", SERVICES)
async def test_neither_login_owns_anything_and_the_request_role_cannot_bypass(
    admin: asyncpg.Connection, service: str
) -> None:
    owned = await admin.fetchval(
        "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname in ($1, $2)",
        f"{service}_app",
        f"{service}_worker",
    )
    bypasses = await admin.fetchval(
        "select rolbypassrls or rolsuper from pg_roles where rolname = $1", f"{service}_app"
    )
    assert (owned, bypasses) == (0, False)


@pytest.fixture
async def two_tenants(admin: asyncpg.Connection) -> tuple[UUID, UUID]:
    """A device of each of two tenants, written by a superuser."""
    first, second = uuid4(), uuid4()
    for tenant in (first, second):
        await admin.execute(
            "insert into bff.directory_device values ($1, $2, 'key', false, 1)", tenant, uuid4()
        )
    return first, second


async def test_on_a_reused_connection_a_tenant_sees_its_own_rows_and_nobody_sees_all(
    service_dsns: Callable[[str], ServiceDsns], two_tenants: tuple[UUID, UUID]
) -> None:
    dsns = service_dsns("bff")
    database = Database("bff", dsns.database_url, dsns.worker_database_url, app_connections=1)
    seen = []
    for tenant in (two_tenants[0], None, two_tenants[1], None):
        async with database.reading(tenant) as tx:
            seen.append(
                [row["tenant_id"] for row in await tx.fetch("select tenant_id from directory_device")]
            )
    await database.close()
    assert seen == [[two_tenants[0]], [], [two_tenants[1]], []]


async def test_the_request_role_writes_nothing_of_another_tenant(
    service_dsns: Callable[[str], ServiceDsns], two_tenants: tuple[UUID, UUID], admin: asyncpg.Connection
) -> None:
    dsns = service_dsns("bff")
    database = Database("bff", dsns.database_url, dsns.worker_database_url, app_connections=1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(two_tenants[0]) as tx:
            await tx.execute(
                "insert into directory_device values ($1, $2, 'key', false, 1)", two_tenants[1], uuid4()
            )
    async with database.transaction(two_tenants[0]) as tx:
        assert await tx.execute("update directory_device set is_revoked = true") == "UPDATE 1"
    await database.close()
    revoked = await admin.fetch("select tenant_id from bff.directory_device where is_revoked")
    assert [row["tenant_id"] for row in revoked] == [two_tenants[0]]


async def test_an_event_of_another_tenant_cannot_be_said(
    database: Callable[[str], Awaitable[Database]],
) -> None:
    registry = await database("registry")
    event = TenantReactivatedV1(tenant_id=uuid4(), reactivated_at=SystemClock().now())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with registry.transaction(uuid4()) as tx:
            await outbox.add(tx, event, aggregate_version=1)


async def test_the_request_role_cannot_read_what_was_said(
    database: Callable[[str], Awaitable[Database]],
) -> None:
    registry = await database("registry")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with registry.reading(uuid4()) as tx:
            await tx.fetch("select * from outbox")
