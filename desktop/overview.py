"""What the first screen shows: a snapshot of the server, kept true by the events that the stream brings.

Events and snapshots may overlap and overtake each other: a snapshot is asked for while the stream goes on. So each part
has the version of what it is about, and of two words about it the one with the higher version counts, whichever came
first. The stream must begin at the cursor of the first snapshot, or before it; then nothing is missing.
"""

from collections.abc import Mapping
from typing import Any

STATUS = {
    "registry.tenant.activated.v1": "active",
    "registry.tenant.reactivated.v1": "active",
    "registry.tenant.frozen.v1": "frozen",
    "registry.tenant.archived.v1": "archived",
}
SCOPE = frozenset({"registry.member.joined.v1", "registry.member.scope_changed.v1"})
ENTITLEMENTS = "registry.entitlements.changed.v1"
SESSION_ENDS = frozenset({"bff.backoffice.session.closed.v1", "bff.backoffice.session.replaced.v1"})
VERSIONED = ("tenant", "entitlements", "member")


class Overview:
    """Tenant, entitlements, member and desk session, as far as they are known."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, Any]] = {}
        self._session: dict[str, Any] | None = None
        self._ended: set[str] = set()
        self.is_drawn = False
        """Whether there was a snapshot since the last `forget`."""

    def take(self, snapshot: Mapping[str, Any]) -> None:
        """The server's answer to `GET /bootstrap`."""
        for name in VERSIONED:
            self._learn(name, snapshot[name])
        self._session = snapshot["session"]
        self.is_drawn = True

    def apply(self, frame: Mapping[str, Any]) -> None:
        """An event of the stream; those that say nothing of this screen change nothing."""
        type_, body = frame["type"], frame["body"]
        version = frame.get("aggregate_version", 0)  # a server of before said none
        if type_ in STATUS:
            self._learn("tenant", {"status": STATUS[type_], "version": version})
        elif type_ == ENTITLEMENTS:
            products = sorted(one["key"] for one in body["products"] if one["enabled"])
            told = {"plan": body["plan"], "ent_v": body["ent_v"], "products": products}
            self._learn("entitlements", {**told, "version": version})
        elif type_ in SCOPE:
            told = {name: sorted(body[name]) for name in ("properties", "backoffice_roles")}
            self._learn("member", {**told, "version": version})
        elif type_ in SESSION_ENDS:
            self._ended.add(body["session_id"])

    def forget(self) -> None:
        """After a `reset`: versions, too, may begin anew."""
        self._parts.clear()
        self._session = None
        self.is_drawn = False

    def shown(self) -> dict[str, Any]:
        """The parts by name; the session is None when there is none or it has ended."""
        session = self._session
        is_over = session is None or session["session_id"] in self._ended
        return {**self._parts, "session": None if is_over else session}

    def _learn(self, name: str, told: Mapping[str, Any]) -> None:
        known = self._parts.get(name)
        if known is None or told["version"] >= known["version"]:
            self._parts[name] = {**(known or {}), **told}
        else:
            self._parts[name] = {**told, **known}  # what is older may still say what was never said
