"""The command line: joins the groups."""

import typer

from tenantry.commands import events, flags, floors, leads, letters, operate, stack, tenants

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tenantry: the control plane, its embedded stack and its tools.",
)
for group in (stack, operate, tenants, leads, flags, floors, events, letters):
    group.register(app)
