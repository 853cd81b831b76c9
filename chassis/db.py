"""The database: three roles per service, one visible transaction per request or message, the tenant set inside it.

`<service>_app` serves requests under row-level security, `<service>_worker` runs relay, scheduler and batch claims and
bypasses it with a short list of grants, `<service>_owner` owns everything and only migrates.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import aiosql
import asyncpg
import orjson
import structlog

from chassis.errors import Transient

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
RETRY_SECONDS = 0.5
APPLIED = "select component, max(version) as version from schema_migration group by component"

# What a lost, refused or restarting server looks like through asyncpg.
CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.exceptions.InternalClientError,  # a connection that was cut between two messages of its protocol
)

NOT_LET_IN = (*CONNECTION_ERRORS, asyncpg.InsufficientPrivilegeError)
"""At connecting: the roles may be on their way."""


class DatabaseUnavailable(Transient):
    """The database cannot be reached, or it broke off."""


class ReadTx:
    """A transaction that only reads. Duck-types as the connection that aiosql queries take."""

    def __init__(self, connection: asyncpg.Connection, service: str) -> None:
        self._connection = connection
        self.service = service

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        return list(await self._connection.fetch(sql, *arguments))

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        return await self._connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return await self._connection.fetchval(sql, *arguments)


class Tx(ReadTx):
    """A transaction that may write. What must happen after the commit, and only then, is given to `on_commit`."""

    def __init__(self, connection: asyncpg.Connection, service: str) -> None:
        super().__init__(connection, service)
        self._after_commit: list[Callable[[], None]] = []

    async def execute(self, sql: str, *arguments: Any) -> str:
        status: str = await self._connection.execute(sql, *arguments)
        return status

    async def executemany(self, sql: str, arguments: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(sql, arguments)

    async def copy_records_to_table(
        self, table: str, *, records: Iterable[Sequence[Any]], columns: Sequence[str]
    ) -> None:
        """COPY; for the worker's role, since row-level security refuses it to others."""
        await self._connection.copy_records_to_table(table, records=records, columns=columns)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Called once, after the commit; not at all when the transaction fails."""
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def committed(self) -> None:
        for callback in self._after_commit:
            callback()

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What fails inside is undone, and the transaction goes on."""
        async with self._connection.transaction():
            yield

    @contextlib.asynccontextmanager
    async def acting_for(self, tenant_id: UUID) -> AsyncIterator[None]:
        """Inside a worker's transaction: under the app role and this tenant's row-level security, then back."""
        await self._connection.execute(f"set local role {self.service}_app")
        await set_tenant(self._connection, tenant_id)
        try:
            yield
        except asyncpg.PostgresError:
            raise  # the transaction is void, and with it the role
        except BaseException:
            await self._back_to_worker()
            raise
        else:
            await self._back_to_worker()

    async def _back_to_worker(self) -> None:
        await self._connection.execute("reset role")
        await set_tenant(self._connection, None)


StandBy = Callable[[asyncpg.Connection], Awaitable[None]]


async def _stand_by(_: asyncpg.Connection) -> None:
    await asyncio.sleep(RETRY_SECONDS)


class Leader:
    """Holds an advisory lock on a connection of its own."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def holds(self) -> bool:
        """True while the connection, and with it the lock, lives."""
        try:
            await self.connection.fetchval("select 1")
        except CONNECTION_ERRORS:
            return False
        return True


class Database:
    """The two pools of one service. `open` returns at once; while the server is away, uses raise DatabaseUnavailable."""

    def __init__(
        self,
        service: str,
        database_url: str,
        worker_database_url: str,
        *,
        app_connections: int = 10,
        worker_connections: int = 6,
        needs: Mapping[str, int] | None = None,
    ) -> None:
        """`needs`: component → the migration below which this code cannot work; newer ones are tolerated."""
        self.service = service
        self._needs = needs or {"chassis": 1}
        self.urls = (database_url, worker_database_url)
        self._worker_url = worker_database_url
        self._pools = {
            "app": _pool(service, database_url, app_connections),
            "worker": _pool(service, worker_database_url, worker_connections),
        }
        self._is_migrated = False
        self._open: set[str] = set()
        self._opening = {"app": asyncio.Lock(), "worker": asyncio.Lock()}

    async def open(self) -> None:
        """Nothing to wait for: pools connect on first use and again after every loss."""

    async def close(self) -> None:
        for name in tuple(self._open):
            with contextlib.suppress(TimeoutError, *CONNECTION_ERRORS):
                await asyncio.wait_for(self._pools[name].close(), CONNECT_SECONDS)
        self._open.clear()

    async def is_ready(self) -> bool:
        """Whether the server answers and this service's schema is migrated far enough."""
        try:
            async with self._connection("worker") as connection:
                await self._check_migrated(connection)
        except (Transient, asyncpg.PostgresError):
            return False
        return True

    async def _check_migrated(self, connection: asyncpg.Connection) -> None:
        """Raises DatabaseUnavailable below the version that this code needs."""
        try:
            rows = await connection.fetch(APPLIED)
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
            rows = []  # roles and schema are being made
        applied = {row["component"]: row["version"] for row in rows}
        for component, version in self._needs.items():
            if applied.get(component, 0) < version:
                raise DatabaseUnavailable(
                    f"{self.service}: migration {component}/{version:04d} is missing; run `tenantry migrate`"
                )
        self._is_migrated = True

    async def wait_ready(self) -> None:
        """Wait, for ever if need be, until the database is there and migrated."""
        while not await self.is_ready():
            await asyncio.sleep(RETRY_SECONDS)

    @contextlib.asynccontextmanager
    async def transaction(self, tenant_id: UUID | None) -> AsyncIterator[Tx]:
        """One transaction as the app role, under this tenant's row-level security (none: platform-wide tables only)."""
        async with self._connection("app") as connection:
            tx = Tx(connection, self.service)
            async with connection.transaction():
                await set_tenant(connection, tenant_id)
                yield tx
        tx.committed()

    @contextlib.asynccontextmanager
    async def reading(self, tenant_id: UUID | None) -> AsyncIterator[ReadTx]:
        """One read-only snapshot as the app role, under this tenant's row-level security."""
        async with (
            self._connection("app") as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await set_tenant(connection, tenant_id)
            yield ReadTx(connection, self.service)

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[Tx]:
        """One transaction as the worker role, across tenants."""
        async with self._connection("worker") as connection:
            tx = Tx(connection, self.service)
            async with connection.transaction():
                yield tx
        tx.committed()

    @contextlib.asynccontextmanager
    async def platform_reading(self) -> AsyncIterator[ReadTx]:
        """One read-only snapshot across tenants, for operators and background parts."""
        async with (
            self._connection("worker") as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield ReadTx(connection, self.service)

    @contextlib.asynccontextmanager
    async def leadership(self, name: str, stand_by: StandBy = _stand_by) -> AsyncIterator[Leader]:
        """Wait until this process is the only one that holds the advisory lock `name`. Raises DatabaseUnavailable.

        `stand_by` passes the time between two attempts; it has the connection meanwhile.
        """
        connection = await self.dedicated()
        try:
            while not await connection.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", name):
                await stand_by(connection)
            yield Leader(connection)
        except CONNECTION_ERRORS as error:
            raise DatabaseUnavailable(f"{self.service}: {error!r}") from error
        finally:
            connection.terminate()

    async def dedicated(self) -> asyncpg.Connection:
        """A worker's connection outside the pool; the caller closes it."""
        try:
            return await _connect(self.service, self._worker_url)
        except NOT_LET_IN as error:
            raise DatabaseUnavailable(f"{self.service}: {error!r}") from error

    @contextlib.asynccontextmanager
    async def _connection(self, role: str) -> AsyncIterator[asyncpg.Connection]:
        """Only the database's own absence becomes DatabaseUnavailable; whatever else was raised inside stays as it is."""
        try:
            await self._ensure_open(role)
            connection = await self._pools[role].acquire(timeout=CONNECT_SECONDS)
        except NOT_LET_IN as error:
            raise DatabaseUnavailable(f"{self.service}: {error!r}") from error
        try:
            if not self._is_migrated:  # nobody sees a schema that is not there yet
                await self._check_migrated(connection)  # type: ignore[arg-type]  # a proxy with its methods
            yield connection  # type: ignore[misc]  # a proxy with the connection's own methods
        except (
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.exceptions.InternalClientError,
        ) as error:
            raise DatabaseUnavailable(f"{self.service}: {error!r}") from error
        finally:
            with contextlib.suppress(*CONNECTION_ERRORS):
                await self._pools[role].release(connection)

    async def _ensure_open(self, role: str) -> None:
        if role in self._open:
            return
        async with self._opening[role]:
            if role not in self._open:
                await self._pools[role]
                self._open.add(role)


async def set_tenant(connection: asyncpg.Connection, tenant_id: UUID | None) -> None:
    """Local to the transaction; an unset tenant sees no row (policies read the empty string as null)."""
    await connection.execute(
        "select set_config('tenantry.tenant_id', $1, true)", "" if tenant_id is None else str(tenant_id)
    )


def load_queries(path: Path) -> Any:
    """The named queries of a file; `select` ones are asynchronous iterators of records."""
    return aiosql.from_path(path, "asyncpg", mandatory_parameters=False)


async def rows(found: AsyncIterator[asyncpg.Record]) -> list[dict[str, Any]]:
    """All rows of a named query that answers many."""
    return [dict(row) async for row in found]


def _pool(service: str, url: str, connections: int) -> asyncpg.Pool:
    return asyncpg.create_pool(
        url,
        min_size=0,  # a pool whose first connection fails closes itself for good
        max_size=connections,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        init=_prepare,
        server_settings=_settings(service),
    )


async def _connect(service: str, url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS, server_settings=_settings(service)
    )
    await _prepare(connection)
    return connection


def _settings(service: str) -> dict[str, str]:
    return {"search_path": service, "application_name": f"tenantry-{service}", "jit": "off"}


async def _prepare(connection: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind,
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
            schema="pg_catalog",
        )
