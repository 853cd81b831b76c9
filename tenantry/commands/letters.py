"""`dead-letters list|show|replay|discard`: messages that a service could not take in."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from chassis import dead_letters
from chassis.db import Database, DatabaseUnavailable, Tx
from contracts.subjects import SERVICES
from tenantry.commands import running
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console
from tenantry.stack.errors import StackError

letters = typer.Typer(no_args_is_help=True, help="Messages that a service could not take in.")
Service = Annotated[str, typer.Argument(help="The service that could not take it in.")]
Letter = Annotated[UUID, typer.Argument(help="Id of the message.")]
BY = "operator"


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(letters, name="dead-letters")


@contextlib.asynccontextmanager
async def database_of(service: str) -> AsyncIterator[Tx]:
    """One transaction as the service's worker. Raises StackError for no such service, and for a database that is down."""
    if service not in SERVICES:
        raise StackError(f"there is no service {service!r}; known are {', '.join(SERVICES)}")
    dsn = running.stack().environment.dsn
    database = Database(service, dsn(service, "app"), dsn(service, "worker"))
    try:
        async with database.worker() as tx:
            yield tx
    except DatabaseUnavailable as error:
        raise StackError(f"{error}; {running.HINT}") from error
    finally:
        await database.close()


@letters.command("list")
def list_(
    service: Service,
    every: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Newest first."""

    async def work() -> list[dict[str, Any]]:
        async with database_of(service) as tx:
            states = dead_letters.STATES if every else ("dead",)
            return await dead_letters.list_letters(tx, states=states, limit=dead_letters.MAX_PAGE)

    running.show(f"Dead letters of {service}", run(work()), as_json=as_json)


@letters.command()
def show(service: Service, letter: Letter) -> None:
    """One whole, with its stack."""

    async def work() -> dict[str, Any]:
        async with database_of(service) as tx:
            found = await dead_letters.show_letter(tx, letter)
        if found is None:
            raise StackError(f"{service} has no dead letter {letter}")
        return {**found, "data": bytes(found["data"]).decode("utf-8", "replace")}

    console.print_json(json.dumps(run(work()), default=str))


@letters.command()
def replay(service: Service, letter: Letter) -> None:
    """Hand it to the running service again, through the same inbox."""
    settle(service, letter, lambda tx: dead_letters.replay_letter(tx, letter, by=BY))
    console.print(f"{letter} will be taken in again within a second or two; `dead-letters show` tells")


@letters.command()
def discard(
    service: Service, letter: Letter, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Give it up for good; the row stays."""
    if not yes:
        typer.confirm(f"Discard {letter} of {service}? It will never be applied.", abort=True)
    settle(service, letter, lambda tx: dead_letters.discard_letter(tx, letter, by=BY, at=datetime.now(UTC)))
    console.print(f"{letter} is discarded")


def settle(service: str, letter: UUID, decide: Callable[[Tx], Awaitable[bool]]) -> None:
    """Ends the command when the letter is not waiting there."""

    async def work() -> None:
        async with database_of(service) as tx:
            if not await decide(tx):
                raise StackError(f"{service} has no dead letter {letter} that waits for a decision")

    run(work())
