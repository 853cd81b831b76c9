"""Migrations: numbered SQL files, each with its way back, run as the owner under an advisory lock.

The chassis' own come first in every service's schema. An applied file never changes; its checksum is kept.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

CHASSIS = Path(__file__).with_name("migrations")
FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"

LEDGER = """
create table if not exists schema_migration (
    component  text not null,
    version    int not null,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default clock_timestamp(),
    primary key (component, version)
)
"""


class MigrationError(Exception):
    """A migration cannot be run; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file and the file that undoes it."""

    component: str
    version: int
    name: str
    sql: str
    rollback: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_in(component: str, folder: Path) -> list[Migration]:
    """The migrations of a folder in order. Raises MigrationError for a wrong name, a hole or a missing way back."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        if path.name.endswith(".rollback.sql"):
            continue
        match = FILE_NAME.fullmatch(path.name)
        back = path.with_name(path.name.replace(".sql", ".rollback.sql"))
        if match is None:
            raise MigrationError(f"{path.name}: name it NNNN_what.sql")
        if not back.exists():
            raise MigrationError(f"{path.name}: {back.name} is missing; every migration has a way back")
        found.append(
            Migration(component, int(match[1]), match[2], path.read_text("utf-8"), back.read_text("utf-8"))
        )
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"{folder.name}: versions count from 0001 without a hole")
    return found


def newest(component: str, folder: Path) -> dict[str, int]:
    """Component → the version that this checkout's code needs at least, the chassis' own included."""
    return {
        "chassis": len(migrations_in("chassis", CHASSIS)),
        component: len(migrations_in(component, folder)),
    }


async def migrate(
    service: str, migration_database_url: str, service_migrations: Path | None
) -> list[Migration]:
    """Bring the schema of `service` up to date; answers what was applied. Safe to run again and side by side."""
    wanted = migrations_in("chassis", CHASSIS)
    if service_migrations is not None and service_migrations.is_dir():
        wanted += migrations_in(service, service_migrations)
    connection = await _owner(service, migration_database_url)
    try:
        await connection.execute(  # both or none: a service may look at any moment
            f"{LEDGER}; grant select on schema_migration to {service}_app, {service}_worker"
        )
        return [migration for migration in wanted if await _apply(connection, migration)]
    finally:
        await connection.close()


async def rollback(
    service: str, migration_database_url: str, service_migrations: Path | None
) -> list[Migration]:
    """Undo everything, last first; for tests and for a first release that went wrong."""
    known = migrations_in("chassis", CHASSIS)
    if service_migrations is not None and service_migrations.is_dir():
        known += migrations_in(service, service_migrations)
    connection = await _owner(service, migration_database_url)
    try:
        return [migration for migration in reversed(known) if await _undo(connection, migration)]
    finally:
        await connection.close()


async def _owner(service: str, url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(url, timeout=10, server_settings={"search_path": service})
    await connection.execute(f"set role {service}_owner")
    await connection.execute("select pg_advisory_lock(hashtextextended($1, 0))", f"{service}:migrate")
    await connection.execute(
        f"set lock_timeout = '{LOCK_TIMEOUT}'; set statement_timeout = '{STATEMENT_TIMEOUT}'"
    )
    return connection


async def _apply(connection: asyncpg.Connection, migration: Migration) -> bool:
    """True when it was applied now. Raises MigrationError when the applied file was another."""
    key = (migration.component, migration.version)
    known = await connection.fetchval(
        "select checksum from schema_migration where (component, version) = ($1, $2)", *key
    )
    label = f"{migration.component}/{migration.version:04d}_{migration.name}"
    if known is not None:
        if known != migration.checksum:
            raise MigrationError(
                f"{label}: the file was changed after it had been applied; write a new migration"
            )
        return False
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into schema_migration (component, version, name, checksum) values ($1, $2, $3, $4)",
                *key,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{label}: {error}") from error
    return True


async def _undo(connection: asyncpg.Connection, migration: Migration) -> bool:
    key = (migration.component, migration.version)
    async with connection.transaction():
        gone = await connection.fetchval(
            "delete from schema_migration where (component, version) = ($1, $2) returning version", *key
        )
        if gone is not None:
            await connection.execute(migration.rollback)
    return gone is not None
