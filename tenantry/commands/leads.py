"""`leads …` and `demo-tenant …`: what customers wish for, and the tenant that everybody is shown."""

import json
from typing import Annotated
from uuid import UUID

import typer

from tenantry.commands import running
from tenantry.commands.asking import REGISTRY, Operator, Yes, confirm
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console, tell

leads = typer.Typer(no_args_is_help=True, help="What customers and prospects wish for.")
demo_tenant = typer.Typer(
    no_args_is_help=True, help="The tenant that everybody is shown; put back every night."
)
LeadId = Annotated[UUID, typer.Argument(help="Id of the lead.")]
LISTED = ("lead_id", "kind", "product_key", "company", "owner", "opened_at", "outcome")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(leads, name="leads")
    app.add_typer(demo_tenant, name="demo-tenant")


@leads.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="open or closed.")] = "open",
    most: Annotated[int, typer.Option(min=1, help="So many at the utmost.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Leads, oldest first."""
    found = run(Operator(REGISTRY).pages("/v1/leads", "leads", most, status=status or None))
    running.listed("Leads", found, LISTED, as_json=as_json)


@leads.command()
def show(lead: LeadId, as_json: AsJson = False) -> None:
    """One lead, with what was done about it."""
    found = run(Operator(REGISTRY).get(f"/v1/leads/{lead}"))
    if as_json:
        console.print_json(json.dumps(found))
        return
    activities = found.pop("activities")
    tell(found, as_json=False)
    running.show("Activities", activities, as_json=False)


@leads.command()
def close(
    lead: LeadId,
    outcome: Annotated[str, typer.Option(help="won, lost or duplicate.")],
    as_json: AsJson = False,
) -> None:
    """What became of it; the CRM is told."""
    path = f"/v1/leads/{lead}"
    tell(
        run(Operator(REGISTRY).change("POST", f"{path}/closing", {"outcome": outcome}, of=path)),
        as_json=as_json,
    )


@demo_tenant.command("show")
def show_demo(as_json: AsJson = False) -> None:
    """When it is put back next, who holds that off, and how it went last time."""
    tell(run(Operator(REGISTRY).get("/v1/demo")), as_json=as_json)


@demo_tenant.command()
def reset(yes: Yes = False, as_json: AsJson = False) -> None:
    """Put it back now; while a demo is running, right after it."""
    confirm("Put the demo tenant back now? What was made in it is gone.", yes=yes)
    tell(run(Operator(REGISTRY).change("POST", "/v1/demo/reset")), as_json=as_json)


@demo_tenant.command()
def lease(
    minutes: Annotated[int, typer.Option(min=1, max=240, help="For how long.")] = 240,
    end: Annotated[bool, typer.Option("--end", help="The demo is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold the reset off while a demo runs; again for longer, four hours at the most."""
    if end:
        run(Operator(REGISTRY).change("DELETE", "/v1/demo/lease"))
        console.print("the lease is over")
        return
    tell(run(Operator(REGISTRY).change("POST", "/v1/demo/lease", {"minutes": minutes})), as_json=as_json)
