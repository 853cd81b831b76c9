"""`products …`: the catalogue, whether products keep their contract, and what administrators ask of them."""

import json
from typing import Annotated, Any

import typer

from tenantry.commands import running
from tenantry.commands.asking import REGISTRY, Operator, TenantId, Yes, confirm, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console, tell

products = typer.Typer(no_args_is_help=True, help="The catalogue.")
Key = Annotated[str, typer.Argument(help="Key of the product.")]
SHOWN = ("key", "version", "status", "plans")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(products, name="products")


@products.command("list")
def list_products(as_json: AsJson = False) -> None:
    """What can be bought."""
    found = run(Operator(REGISTRY).get("/v1/products"))["products"]
    if as_json:
        console.print_json(json.dumps(found))
        return
    rows = [{**row, "plans": ", ".join(row["manifest"].get("plans", []))} for row in found]
    running.show("Products", [{name: row[name] for name in SHOWN} for row in rows], as_json=False)


@products.command()
def publish(
    manifest: Annotated[typer.FileText, typer.Argument(help="The manifest, as JSON.")],
    as_json: AsJson = False,
) -> None:
    """Publish a product, or a higher version of one."""
    tell(run(Operator(REGISTRY).change("POST", "/v1/products", json.load(manifest))), as_json=as_json)


@products.command()
def retire(key: Key, yes: Yes = False) -> None:
    """Nobody can buy it, or use it, any more."""
    confirm(f"Retire {key}? Every tenant loses it.", yes=yes)
    run(Operator(REGISTRY).change("DELETE", f"/v1/products/{key}"))
    console.print(f"{key} is retired")


@products.command()
def conformance(
    key: Key,
    now: Annotated[
        bool, typer.Option("--run", help="Probe it now instead of showing the last probe.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whether a product keeps the product contract; status 1 where it does not."""
    operator, path = Operator(REGISTRY), f"/v1/products/{key}/conformance"
    found = run(operator.change("POST", path) if now else operator.get(path))
    if as_json:
        console.print_json(json.dumps(found))
    else:
        rows = [
            {"check": one["check"], "held": "yes" if one["held"] else "NO", "detail": one["detail"]}
            for one in found["findings"]
        ]
        running.show(f"{key}: {found['verdict'] or 'never probed'}", rows, as_json=False)
    if found["verdict"] != "conformant":
        raise typer.Exit(1)


@products.command()
def act(
    tenant: TenantId,
    key: Key,
    action: Annotated[str, typer.Argument(help="One of the actions in the product's manifest.")],
    slug: Annotated[
        str | None, typer.Option("--confirm", help="The tenant's slug: what cannot be taken back needs it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a product to act on a tenant; status 1 unless it did."""
    operator = Operator(REGISTRY)
    if slug is None and is_destructive(run(operator.get(f"/v1/products/{key}")), action):
        slug = typer.prompt(f"{action} cannot be taken back. Type the tenant's slug", err=True)
    body = {} if slug is None else {"confirm": slug}
    found = run(operator.change("POST", f"{of(tenant)}/products/{key}/actions/{action}", body))
    tell(found, as_json=as_json)
    if found["state"] != "done":
        raise typer.Exit(1)


@products.command()
def actions(tenant: TenantId, key: Key, as_json: AsJson = False) -> None:
    """What was asked of a product for a tenant, and what became of it; newest first."""
    path = f"{of(tenant)}/products/{key}/actions"
    found = run(Operator(REGISTRY).pages(path, "actions", 200))
    names = ("requested_at", "action", "state", "detail", "requested_by")
    running.listed("Actions", found, names, as_json=as_json)


def is_destructive(product: dict[str, Any], action: str) -> bool:
    known = product["manifest"].get("actions", [])
    return any(one["key"] == action and one.get("is_destructive") for one in known)
