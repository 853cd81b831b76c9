"""`audit verify`: a whole log against its signed head, an older head, the ledger and the anchors; or an export."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import UUID

import httpx
import typer

from tenantry.commands import running
from tenantry.commands.audit.reading import LEDGER, TILE, LogReader, log_of
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console
from tenantry.log_verifier import (
    Report,
    SignedHead,
    Unverified,
    check_anchor,
    check_growth,
    check_ledger,
    leaf_hash,
    open_note,
    verify_export,
    verify_log,
)
from tenantry.stack.errors import StackError


def verify(
    tenant: Annotated[UUID | None, typer.Option(help="The tenant whose log is read and recomputed.")] = None,
    export: Annotated[Path | None, typer.Option(help="An unpacked export instead.")] = None,
    older: Annotated[Path | None, typer.Option(help="A checkpoint of this log that was kept.")] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="A folder with heads of the ledger, kept outside.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The verifier key, got some other way.")] = None,
    ledger: Annotated[bool, typer.Option(help="Read every entry of the ledger too; for operators.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove a log: nothing was removed, edited, added or moved since it was signed, kept or anchored."""
    note = older.read_text("utf-8") if older else None
    if (tenant is None) == (export is None):
        raise StackError("name a tenant or the folder of an export")
    if export is not None:
        try:
            report = verify_export(export, key, note)
        except (Unverified, OSError) as error:
            raise StackError(f"NOT VERIFIED: {error}") from error
    elif tenant is not None:
        kept = kept_in(anchors) if anchors else {}
        report = run(verified(tenant, Wanted(note, kept, key, ledger)))
    tell(report, as_json=as_json)


def tell(report: Report, *, as_json: bool) -> None:
    told = {"proved": report.proved, "cannot_prove": report.not_proved}
    if as_json:
        running.show("", [told], as_json=True)
        return
    for text in report.proved:
        console.print(f"[green]proved[/green]: {text}", markup=True)
    for text in report.not_proved:
        console.print(f"[yellow]cannot prove[/yellow]: {text}", markup=True)


def kept_in(folder: Path) -> dict[str, str]:
    """Name → note of what was kept in a folder of anchors. Raises StackError."""
    found = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.checkpoint"))}
    if not found:
        raise StackError(f"{folder} holds no *.checkpoint")
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a log is held against, beside its own head."""

    older: str | None = None
    kept: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    whole_ledger: bool = False


async def verified(tenant: UUID, wanted: Wanted | None = None) -> Report:
    """Raises StackError when the log does not prove what it claims."""
    async with log_of(tenant) as log:
        return await check(log, wanted or Wanted())


async def check(log: LogReader, wanted: Wanted) -> Report:
    """Raises Unverified, or an httpx error where an answer is missing."""
    report = Report()
    key = wanted.key or await log.key()
    if wanted.key is None:
        report.not_proved.append("whose key it is: audit itself told it; compare it, or give --key")
    note = (await log.get("log/checkpoint")).text
    head = open_note(note, key)
    entries = await log.entries(head.size)
    try:
        verify_log(entries, note, key, log.origin)
    except Unverified as error:
        if error.kind == "root":
            await locate(log, entries)
        raise
    report.proved.append(f"{head.size} records give the signed root {head.root.hex()}")
    if wanted.older is not None:
        older = open_note(wanted.older, key, "the older checkpoint")
        check_growth(older, head, await growth(log, older, head), "the older checkpoint")
        report.proved.append(f"the log only grew since it had {older.size} records")
    await check_ledger_and_anchors(log, head, key, wanted, report)
    return report


async def locate(log: LogReader, entries: list[bytes]) -> None:
    """Name the first record that is not what the tree holds. Raises Unverified for it."""
    for start in range(0, len(entries), TILE):
        part = entries[start : start + TILE]
        for index, hash_ in enumerate(await log.tile(start // TILE, len(part)), start):
            if leaf_hash(entries[index]) != hash_:
                raise Unverified(f"record {index}", "edited", "its tile in the tree holds another record")


async def growth(log: LogReader, older: SignedHead, newer: SignedHead) -> list[bytes]:
    """The proof that `newer` adds to `older`; none where there cannot be one."""
    if not 0 < older.size < newer.size or older.origin != newer.origin:
        return []
    path = "/v1/audit/ledger/consistency" if older.origin.endswith("/ledger") else "consistency"
    told = (await log.get(path, tree_size=older.size, up_to=newer.size)).json()
    return [bytes.fromhex(piece) for piece in told["hashes"]]


async def head_now(log: LogReader, head: SignedHead, key: str) -> SignedHead:
    """The log may have grown since its head was read, and the ledger may hold that: what is in it is held against the
    newest head, which adds to the one that was proved. Raises Unverified.
    """
    now = open_note((await log.get("log/checkpoint")).text, key)
    check_growth(head, now, await growth(log, head, now), "the checkpoint")
    return now


async def check_ledger_and_anchors(
    log: LogReader, head: SignedHead, key: str, wanted: Wanted, report: Report
) -> None:
    """That the ledger holds this log, and that the ledger only grew since it was kept elsewhere."""
    if log.tenant == LEDGER:
        return await check_anchors(log, head, key, wanted, report)
    try:
        told = (await log.get("ledger")).json()
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 404:
            raise
        report.not_proved.append("that the same log was shown to others: it is not in the ledger yet")
        return None
    ledger = open_note(told["ledger"]["checkpoint"], key, "the ledger's checkpoint")
    path = [bytes.fromhex(piece) for piece in told["ledger"]["hashes"]]
    index = told["leaf_index"]
    entered = check_ledger(base64.b64decode(told["entry"]), index, ledger, path, key)
    now = await head_now(log, head, key)
    check_growth(entered, now, await growth(log, entered, now), f"ledger entry {index}")
    report.proved.append(f"the ledger holds this log's first {entered.size} records")
    if wanted.whole_ledger:
        await check_every_entry(log, head, key, report)
    await check_anchors(log, ledger, key, wanted, report)
    return None


async def check_every_entry(log: LogReader, head: SignedHead, key: str, report: Report) -> None:
    """The whole ledger recomputed; no entry of this log says more of it than it has now."""
    book = LogReader(log.http, LEDGER)
    note = (await book.get("log/checkpoint")).text
    entries = await book.entries(open_note(note, key).size)
    ledger = verify_log(entries, note, key, book.origin)
    now = await head_now(log, head, key)
    mine = [index for index, entry in enumerate(entries) if f'"{log.origin}"'.encode() in entry]
    for index in mine:
        entered = open_note(quoted(entries[index]), key, f"ledger entry {index}")
        check_growth(entered, now, await growth(log, entered, now), f"ledger entry {index}")
    report.proved.append(f"all {len(mine)} entries of this log, of {ledger.size} in the ledger, still hold")


def quoted(entry: bytes) -> str:
    """The checkpoint that an entry of the ledger quotes."""
    found: str = json.loads(entry)["checkpoint"]
    return found


async def check_anchors(log: LogReader, ledger: SignedHead, key: str, wanted: Wanted, report: Report) -> None:
    if not wanted.kept:
        report.not_proved.append("that the ledger was not rewritten: name a folder of anchors with --anchors")
    for name, note in wanted.kept.items():
        anchor = open_note(note, key, name)
        check_anchor(note, ledger, await growth(log, anchor, ledger), key, name)
    if wanted.kept:
        report.proved.append(f"the ledger only grew since {len(wanted.kept)} heads of it were kept outside")
