"""`projects …`, `usage show`, `keys …`: what a tenant divides its work by, what it used, and what opens its products."""

import json
import sys
from typing import Annotated, Any

import typer

from tenantry.commands import running
from tenantry.commands.asking import MOST, REGISTRY, Operator, TenantId, Yes, confirm, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console, listed, tell

projects = typer.Typer(no_args_is_help=True, help="Projects of a tenant.")
usage = typer.Typer(no_args_is_help=True, help="What tenants used.")
keys = typer.Typer(no_args_is_help=True, help="API keys of a tenant.")
KeyId = Annotated[str, typer.Argument(help="Id of the key; `keys list` shows all.")]
ProjectId = Annotated[str, typer.Argument(help="Id of the project.")]
LISTED_PROJECT = ("project_id", "name", "created_at", "archived_at")
LISTED_KEY = (
    "key_id", "name", "product", "project_id", "scopes", "prefix", "last_four", "expires_at", "retires_at", "revoked_at",
    "last_used_at",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(projects, name="projects")
    app.add_typer(usage, name="usage")
    app.add_typer(keys, name="keys")


@projects.command("list")
def list_projects(tenant: TenantId, as_json: AsJson = False) -> None:
    """All projects of a tenant, the archived ones too."""
    found = run(Operator(REGISTRY).pages(f"{of(tenant)}/projects", "projects", MOST))
    listed("Projects", found, LISTED_PROJECT, as_json=as_json)


@projects.command("create")
def create_project(
    tenant: TenantId,
    project: ProjectId,
    name: Annotated[str | None, typer.Option(help="For people; without it the id.")] = None,
    as_json: AsJson = False,
) -> None:
    """A project that keys and usage can name."""
    body = {"project_id": project, "name": name or project}
    tell(run(Operator(REGISTRY).change("POST", f"{of(tenant)}/projects", body)), as_json=as_json)


@projects.command("archive")
def archive_project(tenant: TenantId, project: ProjectId, yes: Yes = False, as_json: AsJson = False) -> None:
    """End a project for good; its keys are revoked."""
    confirm(f"Archive {project} for good, and revoke its keys?", yes=yes)
    path = f"{of(tenant)}/projects/{project}"
    tell(run(Operator(REGISTRY).change("DELETE", path, of=path)), as_json=as_json)


@usage.command("show")
def show_usage(
    tenant: TenantId,
    days: Annotated[int, typer.Option(min=1, max=90, help="So many days, today included.")] = 30,
    product: Annotated[str | None, typer.Option(help="Of this product only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Daily totals; for people the sum of each metric."""
    found = run(Operator(REGISTRY).get(f"{of(tenant)}/usage", days=days, product=product))
    if as_json:
        console.print_json(json.dumps(found))
        return
    running.show(f"Usage of {days} days until {found['until']}", summed(found["usage"]), as_json=False)


def summed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each product, project and metric: the total, and its first and last day."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        place = (row["product_key"], row["project"], row["metric"])
        one = found.setdefault(
            place,
            dict(zip(("product", "project", "metric"), place, strict=True))
            | {"total": 0, "from": row["day"], "to": row["day"]},
        )
        one["total"] += row["quantity"]
        one["from"], one["to"] = min(one["from"], row["day"]), max(one["to"], row["day"])
    return [found[place] for place in sorted(found)]


@keys.command("list")
def list_keys(tenant: TenantId, as_json: AsJson = False) -> None:
    """All keys of a tenant, those that have ended too; never a key itself."""
    found = run(Operator(REGISTRY).pages(f"{of(tenant)}/api-keys", "api_keys", MOST))
    listed("API keys", found, LISTED_KEY, as_json=as_json)


def hand_over(made: dict[str, Any], *, as_json: bool) -> None:
    """The key on standard output, where it can be piped to its place; what is known of it beside that on standard error."""
    if as_json:
        console.print_json(json.dumps(made))
        return
    typer.echo(
        f"{made['key_id']} for {made['product']}, project {made['project_id']}; the key is shown this once:",
        err=True,
    )
    typer.echo(made["key"])


@keys.command("issue")
def issue_key(
    tenant: TenantId,
    name: Annotated[str, typer.Option(help="What it is for.")],
    product: Annotated[str, typer.Option(help="The product that it opens.")],
    scope: Annotated[list[str], typer.Option(help="What it may do there; give it several times.")],
    project: Annotated[str, typer.Option(help="The project that uses it.")] = "default",
    mode: Annotated[str, typer.Option(help="live or test.")] = "live",
    expires_at: Annotated[str | None, typer.Option(help="RFC 3339; without it, never.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issue a key. It is shown once, on standard output."""
    body = {
        "name": name,
        "product": product,
        "scopes": scope,
        "project_id": project,
        "mode": mode,
        "expires_at": expires_at,
    }
    made = run(Operator(REGISTRY).change("POST", f"{of(tenant)}/api-keys", body))
    hand_over(made, as_json=as_json)


@keys.command("rotate")
def rotate_key(
    tenant: TenantId,
    key: KeyId,
    overlap_hours: Annotated[int, typer.Option(min=0, help="So long the old one goes on.")] = 24,
    as_json: AsJson = False,
) -> None:
    """A successor for a key, shown once, on standard output."""
    path = f"{of(tenant)}/api-keys/{key}"
    body = {"overlap_hours": overlap_hours}
    made = run(Operator(REGISTRY).change("POST", f"{path}/rotation", body, of=path))
    hand_over(made, as_json=as_json)


@keys.command("revoke")
def revoke_key(tenant: TenantId, key: KeyId, yes: Yes = False, as_json: AsJson = False) -> None:
    """End a key for good, within a second everywhere."""
    confirm("Revoke this key for good?", yes=yes)
    path = f"{of(tenant)}/api-keys/{key}"
    tell(run(Operator(REGISTRY).change("DELETE", path, of=path)), as_json=as_json)


@keys.command("report-leak")
def report_leak() -> None:
    """Revoke a key that was found somewhere; it is asked for, or read from standard input, so that no history keeps it."""
    key = typer.prompt("The key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    run(Operator(REGISTRY).post("/v1/api-keys/report-leak", {"key": key.strip()}))
    console.print("received; if there is such a key, it opens nothing any more")
