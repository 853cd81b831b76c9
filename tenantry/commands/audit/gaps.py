"""`audit gaps`: what audit has not heard of its sources."""

from typing import Annotated

import typer

from tenantry.commands import running
from tenantry.commands.asking import AUDIT, Operator
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson

SHOWN = ("state", "kind", "source", "epoch", "first", "last", "detected_at", "repaired_at")


def gaps(
    repaired: Annotated[bool, typer.Option("--all", help="Those that are repaired too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the gaps: numbers of a source that did not arrive, and sources that have fallen silent."""
    found = run(Operator(AUDIT).get("/v1/audit/gaps", state="all" if repaired else "open"))
    running.listed("Gaps", found["gaps"], SHOWN, as_json=as_json)
