"""What a change of scopes comes to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Roles = frozenset[str]
Scope = Mapping[str, Roles]
"""Property → the roles that the member has there."""

MOST_PROPERTIES = 200
"""Of one member, so that its scope fits into one event and one frame of a desktop's stream."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one member is to have at one property; no roles at all (None): it does not work there."""

    member_id: str
    property: str
    roles: Roles | None


@dataclass(slots=True)
class Change:
    """What happens to one member's rows, and its scope afterwards."""

    after: dict[str, Roles]
    put: dict[str, Roles] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    @property
    def is_real(self) -> bool:
        return bool(self.put or self.removed)


def changes_of(before: Mapping[str, Scope], wishes: Iterable[Wish]) -> dict[str, Change]:
    """Member → its change, for all whom a wish names; the last wish about a place counts."""
    found: dict[str, Change] = {}
    last = {(wish.member_id, wish.property): wish.roles for wish in wishes}
    for (member_id, property_), roles in last.items():
        was = before.get(member_id, {})
        change = found.setdefault(member_id, Change(dict(was)))
        if roles is None:
            if property_ in was:
                change.removed.add(property_)
                del change.after[property_]
        elif was.get(property_) != roles:
            change.put[property_] = change.after[property_] = roles
            if property_ not in was:
                change.added.add(property_)
    return found


def roles_of(scope: Scope) -> list[str]:
    """Of all properties together."""
    return sorted({role for roles in scope.values() for role in roles})
