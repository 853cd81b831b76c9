"""`audit locks status|halt|resume`: whether locks may be told anything."""

from typing import Annotated

import typer

from tenantry.commands import running
from tenantry.commands.asking import AUDIT, Operator, TenantId, Yes, confirm, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console

locks = typer.Typer(no_args_is_help=True, help="Halts of lock actions.")
HALTS = "/v1/audit/lock-actions/halts"
SHOWN = ("halt_id", "cause", "evidence", "reason", "halted_at", "ended_at", "resumed", "asked")
Who = Annotated[str, typer.Option("--as", help="The operator who says so; two are needed to resume.")]


@locks.command()
def status(as_json: AsJson = False) -> None:
    """Every halt, and for how many tenants it is resumed, or asked to be."""
    found = run(Operator(AUDIT).get(HALTS))
    rows = [
        {
            **halt,
            "resumed": sum(one["confirmed_by"] is not None for one in halt["tenants"]),
            "asked": sum(one["confirmed_by"] is None for one in halt["tenants"]),
        }
        for halt in found["halts"]
    ]
    running.listed("Halts of lock actions", rows, SHOWN, as_json=as_json)


@locks.command()
def halt(
    reason: Annotated[str, typer.Option(help="Why.", prompt=True)],
    who: Who = "operator",
    yes: Yes = False,
) -> None:
    """Halt the lock actions of all tenants, at once."""
    confirm("No lock of any tenant is told anything until two operators resume the tenant. Halt?", yes=yes)
    told = run(Operator(AUDIT, who).change("POST", HALTS, {"reason": reason}))
    console.print(f"halted: {told['halt_id']}")


@locks.command()
def resume(
    tenant: TenantId,
    incident: Annotated[
        str, typer.Option(help="The incident that is over; both operators name it.", prompt=True)
    ],
    who: Who = "operator",
) -> None:
    """Say that a tenant may go on: the first operator asks, another one resumes."""
    path = f"{of(tenant)}/audit/lock-actions/resumption"
    told = run(Operator(AUDIT, who).change("POST", path, {"incident": incident}))
    console.print("resumed" if told["state"] == "resumed" else "asked; another operator has to confirm")
