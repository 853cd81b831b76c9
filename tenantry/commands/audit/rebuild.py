"""`audit rebuild`: the search store of a tenant is built anew from its log."""

import asyncio
from typing import Any

from rich.progress import Progress

from tenantry.commands import running
from tenantry.commands.asking import Operator, TenantId, Yes, confirm, of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console

LOOK_SECONDS = 0.5


def rebuild(tenant: TenantId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Build the search store of a tenant anew from its log; searches of its log are refused meanwhile."""
    confirm("Searches of this log are refused until the store is built. Go on?", yes=yes)
    running.show("Search store", [run(rebuilt(f"{of(tenant)}/audit/search-store"))], as_json=as_json)


async def rebuilt(path: str) -> dict[str, Any]:
    """Wait until the store holds what is signed."""
    audit = Operator("audit")
    await audit.change("POST", f"{path}/rebuild")
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("building", total=None)
        while True:
            found: dict[str, Any] = await audit.get(path)
            progress.update(bar, total=found["signed_size"], completed=found["documents"])
            if found["tree_size"] is not None:
                return found
            await asyncio.sleep(LOOK_SECONDS)
