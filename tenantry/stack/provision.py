"""Applies what `deploy/` declares: roles and schemas, migrations, streams and durables."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg
import nats

from chassis.migrate import migrate
from deploy.nats import streams
from deploy.nats.permissions import OPS
from deploy.postgres import roles

SERVICES_FOLDER = Path(__file__).parents[2] / "services"


async def provision_postgres(admin_dsn: str, database_dsn: str, passwords: Mapping[str, str]) -> None:
    """Roles, the database and its schemas. Both DSNs are a superuser's."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await roles.make_roles(connection, passwords)
        if not await connection.fetchval("select 1 from pg_database where datname = $1", roles.DATABASE):
            await connection.execute(f"create database {roles.DATABASE}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(database_dsn)
    try:
        await roles.make_schemas(connection)
    finally:
        await connection.close()


async def migrate_all(migration_urls: Mapping[str, str]) -> dict[str, int]:
    """Service → how many migrations were applied now."""
    return {
        service: len(await migrate(service, url, SERVICES_FOLDER / service / "migrations"))
        for service, url in migration_urls.items()
    }


async def provision_nats(url: str, seed: str, size: streams.Size | None = None) -> None:
    """Streams and durables, as the user `ops`; `url` may name several servers of a cluster, with commas between them."""
    connection = await nats.connect(
        url.split(","),
        nkeys_seed_str=seed,
        name=OPS,
        inbox_prefix=f"_INBOX_{OPS}",
        connect_timeout=5,
        max_reconnect_attempts=3,
    )
    try:
        await streams.provision(connection.jetstream(), size or streams.Size())
    finally:
        await connection.close()
