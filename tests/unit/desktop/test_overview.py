"""The first screen: a snapshot and the events around it give the newest word, in whatever order they come."""

from itertools import permutations
from typing import Any

from desktop.overview import Overview

SNAPSHOT: dict[str, Any] = {
    "tenant": {"tenant_id": "t", "name": "Hotel", "status": "frozen", "version": 5},
    "entitlements": {"plan": "starter", "ent_v": 2, "products": ["notetaker"], "version": 4},
    "member": {"member_id": "m", "properties": ["harbour"], "backoffice_roles": [], "version": 3},
    "session": {"session_id": "s1", "property": "harbour"},
}


def frame(type_: str, version: int, **body: Any) -> dict[str, Any]:
    return {"type": type_, "aggregate_version": version, "body": body}


FROZEN = frame("registry.tenant.frozen.v1", 5)
REACTIVATED = frame("registry.tenant.reactivated.v1", 6)
ENTITLED = frame(
    "registry.entitlements.changed.v1",
    7,
    plan="enterprise",
    ent_v=3,
    products=[{"key": "b", "enabled": True}, {"key": "a", "enabled": True}, {"key": "c", "enabled": False}],
)
MOVED = frame(
    "registry.member.scope_changed.v1", 4, properties=["harbour", "airport"], backoffice_roles=["front_desk"]
)
CLOSED = frame("bff.backoffice.session.closed.v1", 2, session_id="s1")


def test_whatever_the_order_the_newest_word_counts() -> None:
    found = []
    for order in permutations([SNAPSHOT, FROZEN, REACTIVATED, ENTITLED, MOVED, CLOSED]):
        overview = Overview()
        for told in order:
            if told is SNAPSHOT:
                overview.take(told)
            else:
                overview.apply(told)
        if overview.shown() not in found:
            found.append(overview.shown())
    assert found == [
        {
            "tenant": {"tenant_id": "t", "name": "Hotel", "status": "active", "version": 6},
            "entitlements": {"plan": "enterprise", "ent_v": 3, "products": ["a", "b"], "version": 7},
            "member": {
                "member_id": "m",
                "properties": ["airport", "harbour"],
                "backoffice_roles": ["front_desk"],
                "version": 4,
            },
            "session": None,
        }
    ]


def test_after_a_reset_a_lower_version_counts_again() -> None:
    overview = Overview()
    overview.apply(REACTIVATED)
    overview.forget()
    overview.take(SNAPSHOT)
    assert overview.shown() == {name: SNAPSHOT[name] for name in SNAPSHOT}
