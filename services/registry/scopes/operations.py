"""Use cases of scopes: set one, take one away, many at once, verify. The tenant is locked in all of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, rows
from contracts.event import Event
from contracts.registry import MemberScopeChangedV1, PropertyScope
from services.registry.actors import actor
from services.registry.errors import ScopeNotFound, ScopesRefused
from services.registry.members.store import queries as members
from services.registry.scopes.model import MOST_PROPERTIES, Change, Roles, Wish, changes_of, roles_of
from services.registry.scopes.store import queries


async def scopes_of(tx: ReadTx, tenant_id: UUID, member_ids: Iterable[str]) -> dict[str, dict[str, Roles]]:
    """Member → property → roles."""
    found: defaultdict[str, dict[str, Roles]] = defaultdict(dict)
    asked = sorted(set(member_ids))
    for row in await rows(queries.scopes_of_members(tx, tenant_id=tenant_id, member_ids=asked)):
        found[row["member_id"]][row["property"]] = frozenset(row["backoffice_roles"])
    return dict(found)


async def foresee(tx: ReadTx, tenant_id: UUID, wishes: Sequence[Wish]) -> dict[str, Change]:
    """What the wishes come to; changes nothing. Members and properties are known to be."""
    before = await scopes_of(tx, tenant_id, (wish.member_id for wish in wishes))
    return changes_of(before, wishes)


def refuse_too_many(changes: Mapping[str, Change]) -> None:
    """Raises ScopesRefused."""
    for member_id, change in changes.items():
        if len(change.after) > MOST_PROPERTIES:
            raise ScopesRefused(
                f"the member {member_id} would work at {len(change.after)} properties, at most {MOST_PROPERTIES}",
                french=f"le membre {member_id} travaillerait dans {len(change.after)} établissements,"
                f" {MOST_PROPERTIES} au maximum",
            )


async def write(
    tx: Tx, tenant_id: UUID, changes: Mapping[str, Change], versions: Mapping[str, int], now: datetime
) -> None:
    """Rows, sums and one event for each member whose scope is another now. Raises ScopesRefused."""
    refuse_too_many(changes)
    real = {member_id: change for member_id, change in sorted(changes.items()) if change.is_real}
    if not real:
        return
    await write_rows(tx, tenant_id, real)
    sums = [
        {
            "tenant_id": tenant_id,
            "member_id": member_id,
            "properties": sorted(change.after),
            "backoffice_roles": roles_of(change.after),
            "row_version": versions[member_id] + 1,
        }
        for member_id, change in real.items()
    ]
    await queries.sum_up(tx, sums)
    said: list[tuple[Event, int]] = [
        (told(tenant_id, member_id, change), versions[member_id] + 1) for member_id, change in real.items()
    ]
    await outbox.add_all(tx, said)
    await members.want_pushes(tx, tenant_id=tenant_id, member_ids=list(real), due_at=now)


async def write_rows(tx: Tx, tenant_id: UUID, changes: Mapping[str, Change]) -> None:
    put = [
        {"tenant_id": tenant_id, "member_id": member_id, "property": at, "backoffice_roles": sorted(roles)}
        for member_id, change in changes.items()
        for at, roles in change.put.items()
    ]
    removed = [
        {"tenant_id": tenant_id, "member_id": member_id, "property": at}
        for member_id, change in changes.items()
        for at in change.removed
    ]
    await queries.put_scopes(tx, put)
    await queries.remove_scopes(tx, removed)


def told(tenant_id: UUID, member_id: str, change: Change) -> MemberScopeChangedV1:
    return MemberScopeChangedV1(
        tenant_id=tenant_id,
        member_id=member_id,
        backoffice_roles=tuple(roles_of(change.after)),
        properties=tuple(sorted(change.after)),
        scopes=tuple(
            PropertyScope(property=at, backoffice_roles=tuple(sorted(roles)))
            for at, roles in sorted(change.after.items())
        ),
    )


async def replace(tx: Tx, tenant_id: UUID, member_id: str, wanted: Mapping[str, Roles]) -> None:
    """Exactly these rows; the caller's own event says so."""
    before = (await scopes_of(tx, tenant_id, [member_id])).get(member_id, {})
    wishes = [Wish(member_id, at, wanted.get(at)) for at in {*before, *wanted}]
    await write_rows(tx, tenant_id, changes_of({member_id: before}, wishes))


async def verify(tx: Tx, row: Mapping[str, Any], property_: str, now: datetime) -> None:
    """Somebody of ours has seen that the member works there as this; a later change takes it away. Raises ScopeNotFound."""
    tenant_id, member_id = row["tenant_id"], row["member_id"]
    if property_ not in (await scopes_of(tx, tenant_id, [member_id])).get(member_id, {}):
        raise ScopeNotFound(f"the member does not work at {property_!r}")
    who = {"tenant_id": tenant_id, "member_id": member_id}
    by = actor()
    await queries.verify(tx, **who, property=property_, verified_by=by, verified_at=now)
    await queries.note_verification(tx, **who)
