"""`flags list|set|clear|history`: what is switched for the platform or for a tenant."""

from typing import Annotated, Any
from uuid import UUID

import typer

from contracts.flags import FLAGS, Flag, Value
from tenantry.commands import running
from tenantry.commands.asking import REGISTRY, Operator, Yes, confirm
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson

flags = typer.Typer(no_args_is_help=True, help="What is switched, for the platform or for a tenant.")
Name = Annotated[str, typer.Argument(help="The flag; `flags list` shows all.")]
Tenant = Annotated[UUID | None, typer.Option(help="For this tenant instead of the platform.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.", prompt=True)]
SHOWN = ("name", "effective", "source", "value", "changed_by", "changed_at", "reason")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(flags, name="flags")


@flags.command("list")
def list_(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Every flag with the value that is in force and where it comes from."""
    found = run(Operator(REGISTRY).get("/v1/flags", tenant_id=tenant))
    running.listed("Flags", found["flags"], SHOWN, as_json=as_json)


@flags.command("set")
def set_(
    name: Name,
    value: Annotated[str, typer.Argument(help="true or false, a number, or a word.")],
    reason: Reason,
    tenant: Tenant = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Set a flag; in force everywhere within a second."""
    body = {"value": value_of(FLAGS.get(name), value), "reason": reason}
    if name in FLAGS and body["value"] == FLAGS[name].blocks_when:
        confirm(f"{FLAGS[name].about}\nSet {name} to {value} for {who(tenant)}?", yes=yes)
    told = run(changed("PUT", name, body, tenant_id=tenant))
    running.listed(f"{name} is set", [told], SHOWN, as_json=as_json)


@flags.command()
def clear(
    name: Name, reason: Reason, tenant: Tenant = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Clear a flag: a tenant follows the platform again, the platform the default."""
    if name in FLAGS and FLAGS[name].blocks_when is not None:
        confirm(
            f"{FLAGS[name].about}\nClear {name} for {who(tenant)}? What is in force there then may block.",
            yes=yes,
        )
    told = run(changed("DELETE", name, tenant_id=tenant, reason=reason))
    running.listed(f"{name} is cleared", [told], SHOWN, as_json=as_json)


@flags.command()
def history(name: Name, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Who changed it to what, when and why; the newest first."""
    found = run(Operator(REGISTRY).get(f"/v1/flags/{name}/history", tenant_id=tenant))
    running.show(f"History of {name}", found["changes"], as_json=as_json)


def value_of(flag: Flag | None, text: str) -> Value:
    """The value that a word stands for; one that does not fit goes as it is, and the registry says what would."""
    if flag is not None and flag.kind == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if flag is not None and flag.kind == "int" and text.lstrip("-").isdecimal():
        return int(text)
    return text


def who(tenant: UUID | None) -> str:
    return f"the tenant {tenant}" if tenant else "the whole platform"


async def changed(method: str, name: str, body: Any = None, **parameters: Any) -> dict[str, Any]:
    path = f"/v1/flags/{name}"
    return await Operator(REGISTRY).change(method, path, body, of=path, **parameters)
