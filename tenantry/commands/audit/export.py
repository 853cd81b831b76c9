"""`audit export`: asks for an export, follows it, and fetches the file."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from chassis.outgoing import http_client
from tenantry.commands import running
from tenantry.commands.asking import Operator, given, of
from tenantry.commands.folder import errors, run
from tenantry.commands.running import AsJson
from tenantry.stack.errors import StackError

POLL_SECONDS = 0.5
NOT_DONE = {"queued", "running"}
Instant = typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help="Of receipt; a day begins in UTC.")


def export(
    tenant: Annotated[UUID, typer.Option(help="Whose log.")],
    to: Annotated[Path | None, typer.Option(help="Where to save the ZIP; a folder, or a file.")] = None,
    since: Annotated[datetime | None, Instant] = None,
    before: Annotated[datetime | None, Instant] = None,
    product: Annotated[str | None, typer.Option(help="Only this product's; `platform` for our own.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this one did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action; a prefix with a `*`.")] = None,
    language: Annotated[str, typer.Option(help="Of the PDF: en or fr.")] = "en",
    reason: Annotated[str, typer.Option(help="Why; it stays in the log.")] = "asked for by the tenant",
    as_json: AsJson = False,
) -> None:
    """Export a tenant's log, with the proofs and the program that checks them. A filtered one cannot prove completeness."""
    wanted = given({"product": product, "actor_id": actor, "action": action})
    times = {"received_from": instant(since), "received_to": instant(before)}
    body = given({**times, "filter": wanted or None, "reason": reason})
    found = run(exported(tenant, body, language, to or Path()))
    running.tell(found, as_json=as_json)


def instant(time: datetime | None) -> str | None:
    if time is None:
        return None
    return time.isoformat() if time.tzinfo else f"{time.isoformat()}Z"


async def exported(tenant: UUID, body: dict[str, Any], language: str, to: Path) -> dict[str, Any]:
    """Ask, wait, fetch. Raises StackError."""
    audit, place = Operator("audit", language=language), f"{of(tenant)}/audit/exports"
    found = await audit.change("POST", place, body)
    url = f"{place}/{found['export_id']}"
    with progress_bar(TimeElapsedColumn()) as bar:
        task = bar.add_task("waiting")
        while found["state"] in NOT_DONE:
            await asyncio.sleep(POLL_SECONDS)
            found = await audit.get(url)
            told = found["progress"]
            bar.update(task, description=told["phase"], completed=told["so_far"], total=told["of"])
    if found["state"] != "ready":
        raise StackError(f"the export {found['state']}: {found['error']}")
    return {**found, "saved": str(await saved(found, tenant, to))}


def progress_bar(*more: Any) -> Progress:
    """On standard error: the output may go to a script."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), *more, console=errors
    )


async def saved(found: dict[str, Any], tenant: UUID, to: Path) -> Path:
    """The file, whole or not at all. Raises StackError."""
    path = to / f"audit-{tenant}-{found['export_id']}.zip" if to.is_dir() else to
    part = path.with_name(f"{path.name}.part")
    try:
        async with http_client(timeout=30) as http, http.stream("GET", found["link"]) as answer:
            answer.raise_for_status()
            with part.open("wb") as file, progress_bar(DownloadColumn()) as bar:
                task = bar.add_task("fetching", total=found["bytes"])
                async for block in answer.aiter_bytes(1 << 20):
                    file.write(block)
                    bar.advance(task, len(block))
        part.replace(path)
    except (httpx.HTTPError, OSError) as error:
        raise StackError(f"the file cannot be fetched: {error!r}") from error
    return path
