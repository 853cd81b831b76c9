"""The command line: joins the groups."""

import typer

from tenantry.commands import (
    events,
    flags,
    floors,
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
for group in (stack, operate, tenants, products, projects, people, flags, floors, events, letters):
    group.register(app)
