"""Database, schemas and roles. Run once by a superuser, again without harm.

Per service: `<service>_owner` (no login, owns everything), `<service>_migrator` (login, becomes the owner), `<service>_app`
(login, under row-level security), `<service>_worker` (login, bypasses it, may become the app role).
"""

from collections.abc import Mapping

import asyncpg

from contracts.subjects import SERVICES

DATABASE = "tenantry"
LOGINS = ("migrator", "app", "worker")


async def make_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """The cluster-wide roles; `passwords` maps `<service>_<login>` to a password."""
    for service in SERVICES:
        await _role(connection, f"{service}_owner", "nologin")
        for login in LOGINS:
            options = "bypassrls" if login == "worker" else "nobypassrls"
            name = f"{service}_{login}"
            await _role(connection, name, f"login noinherit {options} password {_quoted(passwords[name])}")
        await connection.execute(f"grant {service}_owner to {service}_migrator with inherit false, set true")
        await connection.execute(f"grant {service}_app to {service}_worker with inherit false, set true")


async def make_schemas(connection: asyncpg.Connection) -> None:
    """The schemas, in the database that `connection` is on."""
    await connection.execute("revoke all on schema public from public")
    database = await connection.fetchval("select quote_ident(current_database())")
    await connection.execute(f"revoke all on database {database} from public")
    for service in SERVICES:
        logins = ", ".join(f"{service}_{login}" for login in LOGINS)
        await connection.execute(f"grant connect on database {database} to {logins}")
        await connection.execute(f"create schema if not exists {service} authorization {service}_owner")
        await connection.execute(f"grant usage on schema {service} to {service}_app, {service}_worker")


async def _role(connection: asyncpg.Connection, name: str, options: str) -> None:
    is_known = await connection.fetchval("select 1 from pg_roles where rolname = $1", name)
    await connection.execute(f"{'alter' if is_known else 'create'} role {name} {options}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
