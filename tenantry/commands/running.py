"""What the tools need of a running stack: its database, its bus, an operator's token."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import asyncpg
import httpx
import nats
import typer
from nats.aio.client import Client
from rich.console import Console
from rich.table import Table

from chassis.outgoing import http_client
from deploy.postgres.roles import DATABASE
from tenantry.commands.folder import data_folder
from tenantry.stack.errors import StackError
from tenantry.stack.stack import Stack

console = Console(highlight=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
HINT = "is it up? `python -m tenantry up` starts it"


def stack() -> Stack:
    """The installation in the data folder; not started by this."""
    return Stack(data_folder())


@contextlib.asynccontextmanager
async def database(found: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A superuser on the installation's database. Raises StackError when it is down."""
    place = found.postgres.place
    try:
        connection = await asyncpg.connect(place.dsn("postgres", place.password, DATABASE), timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise StackError(f"PostgreSQL on port {place.port} cannot be reached: {error}; {HINT}") from error
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def bus(found: Stack) -> AsyncIterator[Client]:
    """The bus as the user `ops`. Raises StackError when it is down."""

    async def quiet(_: Exception) -> None:
        """The first failure ends the command with a message of its own."""

    try:
        client = await nats.connect(
            found.nats.url,
            nkeys_seed_str=found.secrets.nats_seeds["ops"],
            connect_timeout=3,
            allow_reconnect=False,
            error_cb=quiet,
        )
    except (TimeoutError, OSError, nats.errors.Error) as error:
        raise StackError(f"NATS on {found.nats.url} cannot be reached: {error!r}; {HINT}") from error
    try:
        yield client
    finally:
        await client.close()


async def operator_token(found: Stack, role: str, seconds: int, subject: str = "operator") -> str:
    """From the local issuer. Raises StackError when it is down."""
    headers = {"Authorization": f"Bearer {found.secrets.issuer_admin}"}
    body = {"role": role, "seconds": seconds, "subject": subject}
    try:
        async with http_client(timeout=5) as http:
            answer = await http.post(f"{found.url('issuer')}/admin/tokens", json=body, headers=headers)
    except httpx.HTTPError as error:
        raise StackError(
            f"the issuer on {found.url('issuer')} cannot be reached: {error!r}; {HINT}"
        ) from error
    if not answer.is_success:
        raise StackError(f"the issuer refused: {answer.text}")
    return str(answer.json()["access_token"])


def listed(title: str, rows: list[dict[str, Any]], names: Sequence[str], *, as_json: bool) -> None:
    """All for a script, the telling part for people."""
    shown = rows if as_json else [{name: in_words(row[name]) for name in names} for row in rows]
    show(title, shown, as_json=as_json)


def in_words(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def tell(found: dict[str, Any], *, as_json: bool) -> None:
    """One thing: all of it for a script, what is known of it for people."""
    if as_json:
        console.print_json(json.dumps(found, default=str))
        return
    rows = [{"what": name, "is": value} for name, value in found.items() if value not in (None, [])]
    show(str(found.get("slug", "")), rows, as_json=False)


def show(title: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """A table for people, JSON for scripts."""
    if as_json:
        console.print_json(json.dumps(rows, default=str))
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ["nothing to show"]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
