"""`tenants …`, `timeline`: what an operator does with tenants on an ordinary day."""

import json
from typing import Annotated

import typer

from tenantry.commands import running
from tenantry.commands.asking import REGISTRY, Operator, TenantId, Yes, confirm, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console, tell

tenants = typer.Typer(no_args_is_help=True, help="Tenants and their life.")
LISTED = ("tenant_id", "slug", "status", "plan", "kind", "created_at")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(tenants, name="tenants")
    app.command()(timeline)


@tenants.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="trial, active, frozen or archived.")] = None,
    most: Annotated[int, typer.Option(min=1, help="So many at the utmost.")] = 200,
    as_json: AsJson = False,
) -> None:
    """All tenants, by id."""
    found = run(Operator(REGISTRY).pages("/v1/tenants", "tenants", most, status=status))
    running.listed("Tenants", found, LISTED, as_json=as_json)


@tenants.command()
def show(tenant: TenantId, as_json: AsJson = False) -> None:
    """One tenant, with what can move it."""
    tell(run(Operator(REGISTRY).get(of(tenant))), as_json=as_json)


@tenants.command()
def entitlements(tenant: TenantId, as_json: AsJson = False) -> None:
    """What the tenant may use, and the rule that decided."""
    found = run(Operator(REGISTRY).get(f"{of(tenant)}/entitlements", explain=True))
    if as_json:
        console.print_json(json.dumps(found))
        return
    names = ("product", "is_entitled", "rule", "expires_at")
    rows = [{name: row[name] for name in names} for row in found["products"]]
    running.show(f"Entitlements, version {found['ent_v']}", rows, as_json=False)


@tenants.command()
def activate(
    tenant: TenantId,
    reference: Annotated[str, typer.Option(help="The order's or the payment's name.")],
    plan: Annotated[str, typer.Option(help="starter, professional or enterprise.")],
    product: Annotated[list[str], typer.Option(help="A product that was bought; give it several times.")],
    source: Annotated[str, typer.Option(help="sales_order or payment.")] = "sales_order",
    contract_end: Annotated[str | None, typer.Option(help="YYYY-MM-DD")] = None,
    as_json: AsJson = False,
) -> None:
    """Enter a purchase by hand."""
    body = {
        "source": source,
        "reference": reference,
        "plan": plan,
        "products": product,
        "contract_end": contract_end,
    }
    changed = Operator(REGISTRY).change("POST", f"{of(tenant)}/activation", body, of=of(tenant))
    tell(run(changed), as_json=as_json)


@tenants.command()
def cancel(
    tenant: TenantId,
    slug: Annotated[str, typer.Option(help="The tenant's slug, typed again.")],
    reason: Annotated[str, typer.Option(help="price, missing_feature, switched, no_longer_needed, …")],
    effective: Annotated[str, typer.Option(help="now or period_end.")] = "period_end",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Freeze the tenant now or at the end of what it paid for; shows what will happen and asks."""
    operator = Operator(REGISTRY)
    preview = run(operator.get(f"{of(tenant)}/cancellation-preview", effective=effective))
    if not as_json:
        console.print(f"Writes are refused from {preview['writes_are_refused_from']}; then:")
        running.show("", preview["future"], as_json=False)
    confirm("Cancel this tenant?", yes=yes)
    body = {"effective": effective, "reason": reason, "slug": slug}
    tell(run(operator.change("POST", f"{of(tenant)}/cancellation", body, of=of(tenant))), as_json=as_json)


@tenants.command()
def withdraw(tenant: TenantId, as_json: AsJson = False) -> None:
    """Take back a cancellation that has not taken effect."""
    changed = Operator(REGISTRY).change("DELETE", f"{of(tenant)}/cancellation", of=of(tenant))
    tell(run(changed), as_json=as_json)


@tenants.command()
def reactivate(tenant: TenantId, as_json: AsJson = False) -> None:
    """Take a cancelled tenant back within its grace."""
    changed = Operator(REGISTRY).change("POST", f"{of(tenant)}/reactivation", of=of(tenant))
    tell(run(changed), as_json=as_json)


@tenants.command()
def freeze(
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="non_payment or contract_end.")],
    evidence: Annotated[str, typer.Option(help="The document that says so.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Refuse the tenant's writes from now on."""
    confirm("Freeze this tenant now?", yes=yes)
    body = {"reason": reason, "evidence": evidence}
    changed = Operator(REGISTRY).change("POST", f"{of(tenant)}/freeze", body, of=of(tenant))
    tell(run(changed), as_json=as_json)


@tenants.command()
def hold(
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Why nothing may be destroyed.")],
    days: Annotated[int, typer.Option(min=1, help="For how long.")],
    as_json: AsJson = False,
) -> None:
    """Postpone archiving and deleting."""
    body = {"reason": reason, "days": days}
    changed = Operator(REGISTRY).change("POST", f"{of(tenant)}/hold", body, of=of(tenant))
    tell(run(changed), as_json=as_json)


@tenants.command()
def release(tenant: TenantId, yes: Yes = False, as_json: AsJson = False) -> None:
    """End the hold before its time."""
    confirm("End the hold? What is overdue happens at once.", yes=yes)
    changed = Operator(REGISTRY).change("DELETE", f"{of(tenant)}/hold", of=of(tenant))
    tell(run(changed), as_json=as_json)


def timeline(
    tenant: TenantId,
    until: Annotated[str | None, typer.Option(help="Stop the clock there (RFC 3339).")] = None,
    as_json: AsJson = False,
) -> None:
    """What has happened to a tenant, and what will if nobody does anything."""
    parameters = {"simulate": True, "until": until} if until else {}
    found = run(Operator(REGISTRY).get(f"{of(tenant)}/timeline", **parameters))
    if as_json:
        console.print_json(json.dumps(found))
        return
    past = [
        {
            "at": move["moved_at"],
            "what": f"{move['came_from']} → {move['went_to']}",
            "cause": move["reason"],
            "by": move["actor_id"],
        }
        for move in found["past"]
    ]
    future = [
        {"at": step["at"], "what": step["action"], "cause": step["cause"], "by": "by itself"}
        for step in found["future"]
    ]
    running.show(f"now {found['status']}", [*past, *future], as_json=False)
