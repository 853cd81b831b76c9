"""`members …`, `properties …`, `scopes …`: who belongs to a tenant, where it works, and as what."""

import csv
import json
from typing import Annotated, Any, TextIO
from urllib.parse import quote

import typer

from tenantry.commands.asking import MOST, REGISTRY, Operator, TenantId, Yes, confirm, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console, listed, tell

members = typer.Typer(no_args_is_help=True, help="Members of a tenant.")
properties = typer.Typer(no_args_is_help=True, help="Properties of a tenant.")
scopes = typer.Typer(no_args_is_help=True, help="Who works where, as what.")
MemberId = Annotated[str, typer.Argument(help="Id of the member; `members list` shows all.")]
Code = Annotated[str, typer.Argument(help="Code of the property.")]
LISTED_MEMBER = (
    "member_id",
    "email",
    "name",
    "org_roles",
    "properties",
    "backoffice_roles",
    "deactivated_at",
)
LISTED_PROPERTY = ("code", "name", "time_zone", "created_at")
LISTED_SCOPE = ("member_id", "property", "backoffice_roles", "verified_by", "verified_at")
NEEDED, MORE = {"member", "property"}, {"backoffice_roles", "remove"}
YES, NO = {"yes", "true", "1"}, {"", "no", "false", "0"}


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(members, name="members")
    app.add_typer(properties, name="properties")
    app.add_typer(scopes, name="scopes")


@members.command("list")
def list_members(tenant: TenantId, as_json: AsJson = False) -> None:
    """All members, the deactivated ones too."""
    found = run(Operator(REGISTRY).pages(f"{of(tenant)}/members", "members", MOST))
    listed("Members", found, LISTED_MEMBER, as_json=as_json)


@members.command("roles")
def change_roles(
    tenant: TenantId,
    member: MemberId,
    role: Annotated[list[str], typer.Option(help="All roles it is to have; give it several times.")],
    as_json: AsJson = False,
) -> None:
    """Give a member these roles in its organisation, instead of those it has."""
    path = f"{of(tenant)}/members/{quote(member, safe='')}"
    changed = Operator(REGISTRY).change("PUT", f"{path}/roles", {"org_roles": role}, of=path)
    tell(run(changed), as_json=as_json)


@members.command("deactivate")
def deactivate(tenant: TenantId, member: MemberId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Let a member come in no more; its sessions and streams end within a second, its scopes go."""
    confirm("Deactivate this member? Its sessions end and its scopes go.", yes=yes)
    path = f"{of(tenant)}/members/{quote(member, safe='')}"
    tell(run(Operator(REGISTRY).change("DELETE", path, of=path)), as_json=as_json)


@properties.command("list")
def list_properties(tenant: TenantId, as_json: AsJson = False) -> None:
    """All properties, by code."""
    found = run(Operator(REGISTRY).pages(f"{of(tenant)}/properties", "properties", MOST))
    listed("Properties", found, LISTED_PROPERTY, as_json=as_json)


@properties.command("add")
def add_property(
    tenant: TenantId,
    code: Code,
    name: Annotated[str, typer.Option(help="For people.")],
    time_zone: Annotated[str | None, typer.Option(help="Without it the tenant's.")] = None,
    as_json: AsJson = False,
) -> None:
    """A property at which members can work."""
    body = {"code": code, "name": name, "time_zone": time_zone}
    tell(run(Operator(REGISTRY).change("POST", f"{of(tenant)}/properties", body)), as_json=as_json)


@properties.command("change")
def change_property(
    tenant: TenantId,
    code: Code,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="As in the IANA database.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a property; what is not given stays."""
    path = f"{of(tenant)}/properties/{quote(code, safe='')}"
    body = {"name": name, "time_zone": time_zone}
    tell(run(Operator(REGISTRY).change("PATCH", path, body, of=path)), as_json=as_json)


@properties.command("remove")
def remove_property(tenant: TenantId, code: Code, yes: Yes = False) -> None:
    """Remove a property that nobody uses."""
    confirm(f"Remove {code}?", yes=yes)
    path = f"{of(tenant)}/properties/{quote(code, safe='')}"
    run(Operator(REGISTRY).change("DELETE", path, of=path))
    console.print(f"{code} is removed")


@scopes.command("list")
def list_scopes(
    tenant: TenantId,
    place: Annotated[str | None, typer.Option("--property", help="Of this property only.")] = None,
    verified: Annotated[bool | None, typer.Option(help="Only those that were, or were not.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who works where, as what, and who of ours has seen it."""
    asked = {"property": place, "verified": verified}
    found = run(Operator(REGISTRY).pages(f"{of(tenant)}/member-scopes", "scopes", MOST, **asked))
    listed("Scopes", found, LISTED_SCOPE, as_json=as_json)


@scopes.command("import")
def import_scopes(
    tenant: TenantId,
    file: Annotated[
        typer.FileText,
        typer.Argument(
            help="CSV with the columns member (id or address), property, backoffice_roles (with spaces), remove (yes)."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take in many scopes at once: all rows, or none and every fault by its row."""
    rows = rows_of(file)
    operator, path = Operator(REGISTRY), f"{of(tenant)}/member-scopes/import"
    if not dry_run and any(row["remove"] for row in rows):
        foreseen = run(operator.change("POST", path, {"rows": rows}, dry_run=True))
        confirm(
            f"{foreseen['removed']} scopes go, {foreseen['added']} come, {foreseen['changed']} change. Go on?",
            yes=yes,
        )
    done = run(operator.change("POST", path, {"rows": rows}, dry_run=dry_run))
    if as_json:
        console.print_json(json.dumps(done))
        return
    tell({**done, "members_changed": len(done["members_changed"])}, as_json=False)


def rows_of(file: TextIO) -> list[dict[str, Any]]:
    """The rows as the registry takes them; row 0 is the one below the names. Ends the command where it is no such file."""
    reader = csv.DictReader(file, skipinitialspace=True)
    names = set(reader.fieldnames or ())
    if not names >= NEEDED or names - NEEDED - MORE:
        raise typer.BadParameter(
            f"the first line must name {', '.join(sorted(NEEDED))}, and may {', '.join(sorted(MORE))}"
        )
    rows: list[dict[str, Any]] = []
    for index, given in enumerate(reader):
        if None in given or None in given.values():
            raise typer.BadParameter(f"row {index}: it has another number of fields than the first line")
        told = {name: value.strip() for name, value in given.items()}
        remove = told.get("remove", "").lower()
        if remove not in YES | NO:
            raise typer.BadParameter(f"row {index}: remove: write yes, or nothing")
        rows.append(
            {
                "member": told["member"],
                "property": told["property"],
                "backoffice_roles": told.get("backoffice_roles", "").replace(";", " ").split(),
                "remove": remove in YES,
            }
        )
    return rows
