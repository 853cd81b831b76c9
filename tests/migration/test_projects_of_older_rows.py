"""What was there before there were projects, properties and scopes gets its own."""

import asyncpg

from chassis.clock import ManualClock
from chassis.migrate import migrate
from services.registry.app import MIGRATIONS
from tests.infra import Databases
from tests.integration.registry.life import BEGAN, Life

KEY = """
insert into registry.api_key (key_id, tenant_id, name, pepper_id, digest, prefix, last_four, project_id, product_key,
                              scopes, created_by, created_at)
values (gen_random_uuid(), $1, 'k', 'p', sha256('x'), 'tk_live_abcd', 'wxyz', 'night', 'notetaker', '{read}', 'x', now())
"""
USAGE = "insert into registry.usage_daily values ($1, 'day-runs', 'notetaker', 'minutes', '2026-03-01', 1)"
MEMBER = """
insert into registry.member (tenant_id, member_id, email, name, locale, org_roles, backoffice_roles, properties)
values ($1, 'm', 'm@x.example', 'M', 'en', '{USER}', '{front_desk}', '{harbour,Old Town}')
"""
NOT_FORCED = """
select relname from pg_class
where relnamespace = 'registry'::regnamespace and relrowsecurity and not relforcerowsecurity
"""


async def undo_projects(admin: asyncpg.Connection) -> None:
    """This migration and all later ones."""
    [here] = [file.name[:4] for file in MIGRATIONS.glob("*_projects.sql")]
    await admin.execute("set search_path = registry")
    for file in sorted(MIGRATIONS.glob("*.rollback.sql"), reverse=True):
        if file.name[:4] >= here:
            await admin.execute(file.read_text())
    await admin.execute(
        "delete from schema_migration where component = 'registry' and version >= $1", int(here)
    )


async def test_older_keys_usage_and_members_get_what_they_name(
    databases: Databases, admin: asyncpg.Connection
) -> None:
    tenant_id = await Life(await databases.open("registry"), admin, ManualClock(BEGAN)).new_trial()
    await undo_projects(admin)
    for row in (KEY, USAGE, MEMBER):
        await admin.execute(row, tenant_id)
    await migrate("registry", databases.dsns("registry").migration_database_url, MIGRATIONS)
    projects = await admin.fetch("select project_id from project where tenant_id = $1 order by 1", tenant_id)
    assert [row[0] for row in projects] == ["day-runs", "default", "night"]
    scopes = await admin.fetch(
        "select property, backoffice_roles from member_scope where tenant_id = $1", tenant_id
    )
    assert {row[0]: row[1] for row in scopes} == {"Old Town": ["front_desk"], "harbour": ["front_desk"]}
    assert await admin.fetchval("select count(*) from property where tenant_id = $1", tenant_id) == 2
    assert await admin.fetch(NOT_FORCED) == []
