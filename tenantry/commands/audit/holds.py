"""`audit holds`: what must be neither erased nor dropped."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from tenantry.commands import running
from tenantry.commands.asking import MOST, Operator, Yes, confirm, given, of
from tenantry.commands.audit.export import Instant, instant
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson

holds = typer.Typer(
    no_args_is_help=True, help="Legal holds: what is neither erased nor dropped, whatever its age."
)
Tenant = Annotated[UUID, typer.Option(help="Whose log.")]
Reason = Annotated[str, typer.Option(help="Why; it stays in the log.")]
SHOWN = ("hold_id", "reason", "subject", "received_from", "received_to", "until", "placed_by", "released_at")


@holds.command("list")
def listed(tenant: Tenant, as_json: AsJson = False) -> None:
    """All holds of a tenant, released ones too."""
    found = run(Operator("audit").pages(f"{of(tenant)}/audit/holds", "holds", MOST))
    running.listed("Legal holds", found, SHOWN, as_json=as_json)


@holds.command()
def place(
    tenant: Tenant,
    reason: Reason,
    subject: Annotated[str | None, typer.Option(help="Only this person's data.")] = None,
    since: Annotated[datetime | None, Instant] = None,
    before: Annotated[datetime | None, Instant] = None,
    until: Annotated[datetime | None, typer.Option(help="When it ends by itself.")] = None,
    as_json: AsJson = False,
) -> None:
    """Place a hold: on all records of a tenant, also those to come, or on less."""
    times = {"received_from": instant(since), "received_to": instant(before), "until": instant(until)}
    body: dict[str, Any] = {"reason": reason, **given({"subject": subject, **times})}
    found = run(Operator("audit").change("POST", f"{of(tenant)}/audit/holds", body))
    running.tell(found, as_json=as_json)


@holds.command()
def release(
    tenant: Tenant,
    hold: Annotated[UUID, typer.Argument(help="Id of the hold.")],
    reason: Reason,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Release a hold: what it kept follows the ordinary rules again."""
    confirm(f"Release the legal hold {hold}?", yes=yes)
    place = f"{of(tenant)}/audit/holds/{hold}"
    found = run(Operator("audit").change("DELETE", place, reason=reason))
    running.tell(found, as_json=as_json)
