"""`audit proof`: one record, and the path from it to the signed head, as a file that proves it anywhere."""

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from tenantry.commands.audit.reading import LogReader, entry_of, log_of
from tenantry.commands.folder import run
from tenantry.commands.running import console
from tenantry.log_verifier import Unverified, leaf_hash, open_note, root_from_inclusion
from tenantry.stack.errors import StackError


def proof(
    tenant: Annotated[UUID, typer.Option(help="Whose log it is.")],
    record: Annotated[UUID, typer.Option(help="The record's id: an event's, or the one the intake gave.")],
    out: Annotated[Path | None, typer.Option(help="Write the proof there; else it is printed.")] = None,
) -> None:
    """Prove that a record is in a tenant's log. The proof is checked before it is given."""
    told = json.dumps(run(proved(tenant, record)), indent=2)
    if out is None:
        console.print(told, soft_wrap=True)
    else:
        out.write_text(told + "\n", "utf-8")
        console.print(f"{out}: the proof of record {record}")


async def proved(tenant: UUID, record_id: UUID) -> dict[str, Any]:
    """Raises StackError for a record that is not there or not proved."""
    async with log_of(tenant) as log:
        found = (await log.get("records", record_id=str(record_id))).json()["records"]
        if not found:
            raise StackError(f"the log of {tenant} has no record {record_id}")
        return await proof_of(log, found[0])


async def proof_of(log: LogReader, record: dict[str, Any]) -> dict[str, Any]:
    """Raises Unverified."""
    index, key = record["leaf_index"], await log.key()
    entry = entry_of(record, index)
    told = (await log.get("inclusion", leaf=index)).json()
    head = open_note(told["checkpoint"], key)
    path = [bytes.fromhex(piece) for piece in told["hashes"]]
    if (
        head.origin != log.origin
        or root_from_inclusion(leaf_hash(entry), index, head.size, path) != head.root
    ):
        raise Unverified(f"record {index}", "proof", "it does not stand in the signed tree")
    return {
        "verifier_key": key,
        "leaf_index": index,
        "entry": entry.decode(),
        "hashes": told["hashes"],
        "checkpoint": told["checkpoint"],
    }
