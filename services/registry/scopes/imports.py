"""Many scopes at once: all or nothing, every fault named by its row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, rows
from services.registry.errors import ScopesRefused
from services.registry.members.store import queries as members
from services.registry.properties import store as properties
from services.registry.scopes import operations as scopes
from services.registry.scopes.model import Change, Roles, Wish


@dataclass(frozen=True, slots=True)
class Row:
    """`member` is its id or its address; no roles at all (None): it does not work there any more."""

    member: str
    property: str
    roles: Roles | None


@dataclass(slots=True)
class Outcome:
    """What an import did, or would do."""

    rows: int
    added: int
    changed: int
    removed: int
    unchanged: int
    members_changed: list[str]


class Faults:
    """Collected, and told all at once."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []

    def add(self, row: int, place: str, code: str, detail: str) -> None:
        self.found.append({"pointer": f"/rows/{row}/{place}", "code": code, "detail": detail})

    def refuse(self) -> None:
        """Raises ScopesRefused."""
        if self.found:
            self.found.sort(key=lambda fault: int(fault["pointer"].split("/")[2]))
            raise ScopesRefused(
                f"{len(self.found)} faults; nothing was changed",
                french=f"{len(self.found)} erreurs ; rien n'a été modifié",
                errors=self.found,
            )


async def run(
    tx: Tx, tenant_id: UUID, given: Sequence[Row], now: datetime, *, is_dry: bool = False
) -> Outcome:
    """The tenant is locked. Raises ScopesRefused."""
    faults = Faults()
    wishes, versions = await read(tx, tenant_id, given, faults)
    faults.refuse()
    changes = await scopes.foresee(tx, tenant_id, wishes)
    scopes.refuse_too_many(changes)
    if not is_dry:
        await scopes.write(tx, tenant_id, changes, versions, now)
    return outcome_of(len(given), changes)


async def read(
    tx: ReadTx, tenant_id: UUID, given: Sequence[Row], faults: Faults
) -> tuple[list[Wish], dict[str, int]]:
    """(what is wished, version of each member), and every fault."""
    names = sorted({row.member for row in given} | {row.member.lower() for row in given})
    known: dict[str, list[Any]] = {}
    for one in await rows(members.members_named(tx, tenant_id=tenant_id, names=names)):
        for name in {one["member_id"], one["email"]}:
            known.setdefault(name, []).append(one)
    unknown = await properties.unknown_of(tx, tenant_id, (row.property for row in given))
    wishes: list[Wish] = []
    versions: dict[str, int] = {}
    first: dict[tuple[str, str], int] = {}
    for index, row in enumerate(given):
        if row.property in unknown:
            faults.add(index, "property", "unknown", "the tenant has no such property")
        found = known.get(row.member) or known.get(row.member.lower()) or []
        if len(found) != 1:
            why = (
                ("ambiguous", "several members have it") if found else ("unknown", "there is no such member")
            )
            faults.add(index, "member", *why)
            continue
        member = found[0]
        if member["deactivated_at"] is not None:
            faults.add(index, "member", "deactivated", "the member is deactivated")
        place = (member["member_id"], row.property)
        if place in first:
            faults.add(index, "member", "repeated", f"row {first[place]} says something of the same place")
        first.setdefault(place, index)
        versions[member["member_id"]] = member["row_version"]
        wishes.append(Wish(member["member_id"], row.property, row.roles))
    return wishes, versions


def outcome_of(count: int, changes: dict[str, Change]) -> Outcome:
    added = sum(len(change.added) for change in changes.values())
    changed = sum(len(change.put) for change in changes.values()) - added
    removed = sum(len(change.removed) for change in changes.values())
    real = sorted(member_id for member_id, change in changes.items() if change.is_real)
    return Outcome(count, added, changed, removed, count - added - changed - removed, real)
