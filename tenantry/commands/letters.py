"""`dead-letters list|show|replay|discard`: messages that a service could not take in."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from contracts.subjects import SERVICES
from tenantry.commands import running
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console
from tenantry.stack.errors import StackError

letters = typer.Typer(no_args_is_help=True, help="Messages that a service could not take in.")
Service = Annotated[str, typer.Argument(help="The service that could not take it in.")]
Letter = Annotated[UUID, typer.Argument(help="Id of the message.")]
LIST = """
select id, state, stream, type, tenant_id, sequence, reason, error, failures, dead_at
from {service}.dead_letter where $1::bool or state = 'dead' order by dead_at desc limit 200
"""
SHOW = "select * from {service}.dead_letter where id = $1"
MARK = """
update {service}.dead_letter set state = $2, resolved_by = 'operator', resolved_at = $3 where id = $1 and state = 'dead'
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(letters, name="dead-letters")


def checked(service: str) -> str:
    """Raises StackError for a service that there is not."""
    if service not in SERVICES:
        raise StackError(f"there is no service {service!r}; known are {', '.join(SERVICES)}")
    return service


@letters.command("list")
def list_(
    service: Service,
    every: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Newest first."""

    async def work() -> list[dict[str, Any]]:
        async with running.database(running.stack()) as connection:
            return [dict(row) for row in await connection.fetch(LIST.format(service=checked(service)), every)]

    running.show(f"Dead letters of {service}", run(work()), as_json=as_json)


@letters.command()
def show(service: Service, letter: Letter) -> None:
    """One whole, with its stack."""

    async def work() -> dict[str, Any]:
        async with running.database(running.stack()) as connection:
            row = await connection.fetchrow(SHOW.format(service=checked(service)), letter)
        if row is None:
            raise StackError(f"{service} has no dead letter {letter}")
        return {**row, "data": bytes(row["data"]).decode("utf-8", "replace")}

    console.print_json(json.dumps(run(work()), default=str))


@letters.command()
def replay(service: Service, letter: Letter) -> None:
    """Hand it to the running service again, through the same inbox."""
    settle(service, letter, "replaying", None)
    console.print(f"{letter} will be taken in again within a second or two; `dead-letters show` tells")


@letters.command()
def discard(
    service: Service, letter: Letter, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Give it up for good; the row stays."""
    if not yes:
        typer.confirm(f"Discard {letter} of {service}? It will never be applied.", abort=True)
    settle(service, letter, "discarded", datetime.now(UTC))
    console.print(f"{letter} is discarded")


def settle(service: str, letter: UUID, state: str, at: datetime | None) -> None:
    """Raises StackError when it is not waiting there."""

    async def work() -> None:
        async with running.database(running.stack()) as connection:
            done = await connection.execute(MARK.format(service=checked(service)), letter, state, at)
        if done != "UPDATE 1":
            raise StackError(f"{service} has no dead letter {letter} that waits for a decision")

    run(work())
