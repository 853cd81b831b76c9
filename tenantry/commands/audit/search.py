"""`audit search`: records of a tenant that match, newest first."""

from datetime import datetime
from typing import Annotated, Any

import typer

from tenantry.commands import running
from tenantry.commands.asking import Operator, TenantId, given, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console

PAGE = 200
SHOWN = ("leaf_index", "received_at", "actor_id", "action", "target_id", "product", "is_failure", "record_id")


def search(  # noqa: PLR0913, PLR0917  # an option each
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Why you look; it is recorded with your name.")],
    text: Annotated[str | None, typer.Option(help="Words, in English or French.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    on_behalf_of: Annotated[str | None, typer.Option(help="For whom it was done.")] = None,
    action: Annotated[str | None, typer.Option(help="Exact, or with a * at the end.")] = None,
    product: Annotated[str | None, typer.Option(help="Key of the product.")] = None,
    project: Annotated[str | None, typer.Option(help="Id of the project.")] = None,
    crud: Annotated[str | None, typer.Option(help="c, r, u or d.")] = None,
    target: Annotated[str | None, typer.Option(help="To what it was done.")] = None,
    network: Annotated[str | None, typer.Option(help="An address, or a range like 203.0.113.0/24.")] = None,
    email: Annotated[str | None, typer.Option(help="A mail address that is sealed in the record.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Received from then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Received before then (UTC).")] = None,
    failed: Annotated[
        bool | None, typer.Option("--failed/--ok", help="Only what failed, or only what did not.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="So many at the utmost.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Search a tenant's log. That you looked is itself recorded."""
    wanted = {
        "reason": reason, "text": text, "actor": actor, "on_behalf_of": on_behalf_of, "action": action,
        "product": product, "project_id": project, "crud": crud, "target": target, "network": network, "email": email,
        "received_from": instant(since), "received_to": instant(until), "is_failure": failed,
    }  # fmt: skip
    rows = run(found(f"{of(tenant)}/audit/search", given(wanted), most))
    running.show(
        "Records", rows if as_json else [{name: row[name] for name in SHOWN} for row in rows], as_json=as_json
    )


def instant(time: datetime | None) -> str | None:
    return None if time is None else f"{time.isoformat()}Z"


async def found(path: str, wanted: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """All pages, `most` records at the utmost."""
    audit = Operator("audit")
    rows: list[dict[str, Any]] = []
    token: str | None = None
    with console.status("searching") as searching:
        while len(rows) < most:
            asked = {**wanted, "page_size": min(PAGE, most - len(rows)), **given({"page_token": token})}
            page = await audit.post(path, asked)
            if page["total"] is not None:
                total = page["total"]
                searching.update(f"{total['count']:,}{'+' if total['is_capped'] else ''} records match")
            rows += page["records"]
            token = page["next_page_token"]
            if token is None:
                break
    return rows
