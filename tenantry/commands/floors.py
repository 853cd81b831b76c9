"""`floors list|set|clear|history`: the lowest version of a desktop that may come in."""

from datetime import datetime
from typing import Annotated, Any

import typer

from tenantry.commands import running
from tenantry.commands.asking import REGISTRY, Operator, Yes, confirm
from tenantry.commands.flags import Reason, Tenant, who
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson

floors = typer.Typer(no_args_is_help=True, help="The lowest version of a desktop that may come in.")
Platform = Annotated[str, typer.Argument(help="windows, macos or linux.")]
Channel = Annotated[str, typer.Argument(help="The channel of releases, such as stable.")]
SHOWN = ("platform", "channel", "tenant_id", "advise", "enforce", "block", "latest", "effective_at", "reason")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(floors, name="floors")


@floors.command("list")
def list_(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """The floors in force; for a tenant with those of the platform that it follows."""
    found = run(Operator(REGISTRY).get("/v1/version-floors", tenant_id=tenant))
    running.listed("Version floors", found["floors"], SHOWN, as_json=as_json)


@floors.command("set")
def set_(  # noqa: PLR0913, PLR0917  # one per option of the command line
    platform: Platform,
    channel: Channel,
    reason: Reason,
    latest: Annotated[str | None, typer.Option(help="The newest version that clients can fetch.")] = None,
    advise: Annotated[str | None, typer.Option(help="Desktops below it are told to update.")] = None,
    enforce: Annotated[str | None, typer.Option(help="Desktops below it are refused.")] = None,
    block: Annotated[
        list[str] | None, typer.Option(help="A version that is refused; may be repeated.")
    ] = None,
    effective_at: Annotated[datetime | None, typer.Option(help="Refuse from then on; UTC.")] = None,
    message: Annotated[str | None, typer.Option(help="What the desktop shows.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the newest version is.")] = None,
    unknown_blocked: Annotated[
        bool, typer.Option("--block-unknown", help="Refuse what cannot be compared.")
    ] = False,
    tenant: Tenant = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Set a floor whole; asks first, with whom it could meet, where it refuses anybody."""
    body = {
        "latest": latest,
        "advise": advise,
        "enforce": enforce,
        "block": block or [],
        "effective_at": f"{effective_at.isoformat()}Z" if effective_at else None,
        "message": message,
        "url": url,
        "unknown": "block" if unknown_blocked else "allow",
    }
    path, registry = f"/v1/version-floors/{platform}/{channel}", Operator(REGISTRY)
    if enforce or block:
        met = run(registry.post(f"{path}/preview", body, tenant_id=tenant))
        confirm(f"{reach(met)}\nSet the floor of {platform}/{channel} for {who(tenant)}?", yes=yes)
    told = run(registry.change("PUT", path, {**body, "reason": reason}, of=path, tenant_id=tenant))
    running.listed(f"{platform}/{channel} has a floor", [told], SHOWN, as_json=as_json)


def reach(preview: dict[str, Any]) -> str:
    """Whom the floor could meet."""
    met = f"At most {preview['devices_at_most']} devices of {preview['tenants_at_most']} tenants are met"
    return f"{met}: {preview['why_at_most']}."


@floors.command()
def clear(
    platform: Platform, channel: Channel, reason: Reason, tenant: Tenant = None, as_json: AsJson = False
) -> None:
    """Take a floor away, at once: a tenant follows the platform's again."""
    path = f"/v1/version-floors/{platform}/{channel}"
    told = run(Operator(REGISTRY).change("DELETE", path, of=path, tenant_id=tenant, reason=reason))
    running.listed(f"{platform}/{channel} has no floor here", [told], SHOWN, as_json=as_json)


@floors.command()
def history(platform: Platform, channel: Channel, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Who changed it to what, when and why; the newest first."""
    path = f"/v1/version-floors/{platform}/{channel}/history"
    found = run(Operator(REGISTRY).get(path, tenant_id=tenant))
    running.show(f"History of {platform}/{channel}", found["changes"], as_json=as_json)
