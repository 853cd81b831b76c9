"""`status`, `migrate`, `provision`, `outbox status`, `tokens mint`."""

from typing import Annotated, Any

import httpx
import typer

from chassis.outgoing import http_client
from contracts.subjects import SERVICES
from tenantry.commands import running
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console
from tenantry.stack.folder import PRODUCTS
from tenantry.stack.provision import migrate_all, provision_nats, provision_postgres

outbox = typer.Typer(no_args_is_help=True, help="What services have said, and what is not published yet.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens for operators.")
OUTBOX = """
select '{service}' as service, epoch, last_seq as numbered, published_seq as published_hint,
       (select count(*) from {service}.outbox o
        where not exists (select 1 from {service}.outbox_sequence s where s.outbox_id = o.id)) as not_numbered
from {service}.outbox_relay
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (status, migrate, provision):
        app.command()(command)
    app.add_typer(outbox, name="outbox")
    app.add_typer(tokens, name="tokens")


def status(as_json: AsJson = False) -> None:
    """Which processes answer, and what they wait for."""
    running.show("Status", run(read_status()), as_json=as_json)


async def read_status() -> list[dict[str, Any]]:
    found = running.stack()
    rows = []
    async with http_client(timeout=3) as http:
        for name in ("issuer", *SERVICES, *PRODUCTS):
            row: dict[str, Any] = {
                "process": name,
                "address": found.url(name),
                "state": "down",
                "waits_for": "",
            }
            try:
                answer = await http.get(f"{found.url(name)}/readyz")
                told = answer.json()
                row["state"] = "ready" if answer.status_code == 200 else "not ready"
                row["waits_for"] = ", ".join(
                    part for part, state in told["dependencies"].items() if not state["up"]
                )
            except httpx.HTTPError:
                pass
            rows.append(row)
    return rows


def migrate() -> None:
    """Bring every service's schema up to date."""
    found = running.stack()
    applied = run(migrate_all({service: found.environment.dsn(service, "migrator") for service in SERVICES}))
    for service, count in applied.items():
        console.print(f"{service}: {count} migrations applied")


def provision() -> None:
    """Make roles, schemas, streams and durables; changes nothing when all is there."""

    async def work() -> None:
        found = running.stack()
        place = found.postgres.place
        async with running.database(found), running.bus(found):
            dsn = place.dsn("postgres", place.password, "tenantry")
            await provision_postgres(place.admin_dsn, dsn, found.secrets.passwords)
            await provision_nats(found.nats.url, found.secrets.nats_seeds["ops"])

    run(work())
    console.print("roles, schemas, streams and durables are in place")


@outbox.command("status")
def outbox_status(as_json: AsJson = False) -> None:
    """How far each service's relay has come."""

    async def work() -> list[dict[str, Any]]:
        async with running.database(running.stack()) as connection:
            return [
                dict(await connection.fetchrow(OUTBOX.format(service=service)) or {}) for service in SERVICES
            ]

    running.show("Outbox", run(work()), as_json=as_json)


@tokens.command()
def mint(
    role: Annotated[str, typer.Option(help="A role of our own staff.")] = "PLATFORM_ADMIN",
    seconds: Annotated[int, typer.Option(min=30, max=43_200, help="How long it is valid.")] = 3600,
) -> None:
    """Print an operator's access token, from the local issuer."""
    console.print(run(running.operator_token(running.stack(), role, seconds)), soft_wrap=True)
