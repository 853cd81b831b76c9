"""`audit anchors`: where heads of the ledger are kept outside."""

from typing import Annotated, Any

import typer

from tenantry.commands import running
from tenantry.commands.audit.reading import LEDGER, log_of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson


def anchors(
    most: Annotated[int, typer.Option(min=1, max=200, help="How many, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the anchors: heads of the ledger that were kept where the database's keeper cannot change them."""
    running.show("Anchors", run(listed(most)), as_json=as_json)


async def listed(most: int) -> list[dict[str, Any]]:
    async with log_of(LEDGER) as log:
        found = (await log.get("/v1/audit/anchors", page_size=most)).json()["anchors"]
    return [{name: one[name] for name in one if name != "checkpoint"} for one in found]
