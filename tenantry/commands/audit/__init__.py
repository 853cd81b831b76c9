"""`tenantry audit …`: each command in a module of its own."""

import typer

from tenantry.commands.audit import anchors, export, gaps, holds, locks, proof, rebuild, search, verify

audit = typer.Typer(no_args_is_help=True, help="The audit log: what is in it, and what it proves.")


def register(app: typer.Typer) -> None:
    """Add the commands of this group; `tenantry verify` is the short form of `tenantry audit verify`."""
    for command in (
        verify.verify,
        proof.proof,
        anchors.anchors,
        export.export,
        gaps.gaps,
        search.search,
        rebuild.rebuild,
    ):
        audit.command()(command)
    audit.add_typer(holds.holds, name="holds")
    app.command()(verify.verify)
    audit.add_typer(locks.locks, name="locks")
    app.add_typer(audit, name="audit")
