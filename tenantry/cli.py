"""The command line: joins the groups."""

import typer

from tenantry.commands import (
    audit,
    events,
    flags,
    floors,
    leads,
    letters,
    operate,
    people,
    products,
    projects,
    stack,
    tenants,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tenantry: the control plane, its embedded stack and its tools.",
)
GROUPS = (stack, operate, tenants, products, projects, people, leads, flags, floors, events, letters, audit)
for group in GROUPS:
    group.register(app)
