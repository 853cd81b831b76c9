"""Every service's migrations: up, down, up again; refused when changed; a service waits for those it needs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chassis.db import Database
from chassis.migrate import MigrationError, migrate, newest, rollback
from contracts.subjects import SERVICES
from tenantry.stack.provision import SERVICES_FOLDER
from tests.infra import Databases, ServiceDsns

SHAPE = """
select 'column' as kind, table_name || '.' || column_name || ' ' || data_type || coalesce(column_default, '') || is_nullable
    as what from information_schema.columns where table_schema = $1
union all select 'constraint', conrelid::regclass || ' ' || pg_get_constraintdef(oid)
    from pg_constraint where connamespace = $1::regnamespace
union all select 'index', indexdef from pg_indexes where schemaname = $1
union all select 'policy', tablename || ' ' || policyname || ' ' || qual from pg_policies where schemaname = $1
union all select 'table', relname || ' ' || relrowsecurity || relforcerowsecurity || coalesce(relacl::text, '')
    from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'p')
union all select 'function', proname || coalesce(proacl::text, '') from pg_proc where pronamespace = $1::regnamespace
order by 1, 2
"""
PERIOD = re.compile(r"_\d{6}(\d\d)?\b")


def folder_of(service: str) -> Path:
    return SERVICES_FOLDER / service / "migrations"


async def shape_of(admin: asyncpg.Connection, service: str) -> list[Any]:
    """Partitions without their days and months: one is made before midnight, the other behind it."""
    return sorted(
        (kind, PERIOD.sub("_period", what or "")) for kind, what in await admin.fetch(SHAPE, service)
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_down_and_up_again_gives_the_same_schema(
    service: str, service_dsns: Callable[[str], ServiceDsns], admin: asyncpg.Connection
) -> None:
    url = service_dsns(service).migration_database_url
    before = await shape_of(admin, service)
    undone = await rollback(service, url, folder_of(service))
    left = [name for kind, name in await shape_of(admin, service) if kind == "table"]
    assert [name.split()[0] for name in left] == ["schema_migration"]
    assert await migrate(service, url, folder_of(service)) == list(reversed(undone))
    assert await shape_of(admin, service) == before
    assert await migrate(service, url, folder_of(service)) == []


async def test_a_file_that_was_changed_after_it_had_been_applied_is_refused(
    service_dsns: Callable[[str], ServiceDsns], tmp_path: Path
) -> None:
    for file in folder_of("sync").iterdir():
        (tmp_path / file.name).write_text(file.read_text() + "\n-- another thought\n")
    with pytest.raises(MigrationError, match=r"0001.*write a new migration"):
        await migrate("sync", service_dsns("sync").migration_database_url, tmp_path)


async def test_a_migration_that_fails_leaves_nothing(
    service_dsns: Callable[[str], ServiceDsns], admin: asyncpg.Connection, tmp_path: Path
) -> None:
    for file in folder_of("sync").iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    number = len(list(tmp_path.glob("*.sql"))) // 2 + 1
    (tmp_path / f"{number:04d}_half.sql").write_text("create table half (id int); select 1 / 0;")
    (tmp_path / f"{number:04d}_half.rollback.sql").write_text("drop table half;")
    with pytest.raises(MigrationError, match="half: division by zero"):
        await migrate("sync", service_dsns("sync").migration_database_url, tmp_path)
    assert await admin.fetchval("select to_regclass('sync.half')") is None


async def test_a_service_waits_below_its_version_and_tolerates_a_newer_one(databases: Databases) -> None:
    dsns = databases.dsns("sync")
    here = newest("sync", folder_of("sync"))
    for needs, is_ready in (
        (here, True),
        ({**here, "sync": here["sync"] + 1}, False),
        ({"chassis": 1}, True),
    ):
        database = Database("sync", dsns.database_url, dsns.worker_database_url, needs=needs)
        assert await database.is_ready() is is_ready
        await database.close()
