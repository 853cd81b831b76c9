"""Flags and version floors as they are in force, read from what is watched; no call leaves the process."""

from typing import Any
from uuid import UUID

from chassis.errors import Transient
from chassis.watched import Watched
from contracts.flags import DECLARED, FLAGS, Value, effective
from contracts.settings import PLATFORM, Setting, flag_key, floors_of

MOST_VALUES = 50_000


class NotToldYet(Transient):
    """No process of this service was ever told; the default would be a guess."""


class Switches:
    """A tenant's own value goes before the platform's, which goes before the default."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._values: dict[tuple[str, UUID | None], Value] = {}
        """What was asked for since anything changed: every request of a desktop asks."""
        self._floors: dict[UUID, dict[str, dict[str, Any]]] = {}
        self._keys: dict[str, set[str]] = {}
        """Scope (a tenant's id, or that of the platform) → its keys."""
        watched.on_change(self._note)

    def _note(self, key: str) -> None:
        self._values.clear()
        self._floors.clear()
        keys = self._keys.setdefault(scope_of(key), set())
        if key in self._watched.known:
            keys.add(key)
        else:
            keys.discard(key)

    def _set_in(self, scope: UUID | None) -> dict[str, Setting]:
        known = self._watched.known
        return {key: known[key] for key in self._keys.get(str(scope or PLATFORM), ())}

    async def are_told(self) -> bool:
        """Whether every declared flag is known; the registry says each, set or not. For health."""
        return all(flag_key(flag.name, None) in self._watched.known for flag in DECLARED)

    def value(self, name: str, tenant_id: UUID | None = None) -> Value:
        """A declared flag's value for a tenant. Raises NotToldYet."""
        found = self._values.get((name, tenant_id))
        if found is None:
            found = self._in_force(name, tenant_id)
            if len(self._values) >= MOST_VALUES:
                self._values.clear()
            self._values[name, tenant_id] = found
        return found

    def _in_force(self, name: str, tenant_id: UUID | None) -> Value:
        known, key = self._watched.known, flag_key(name, None)
        if key not in known:
            raise NotToldYet(f"the flag {name} was never told to this service")
        own = known.get(flag_key(name, tenant_id)) if tenant_id is not None else None
        return effective(FLAGS[name], (own.value if own else None, known[key].value))

    def features(self, tenant_id: UUID) -> list[str]:
        """The names of the features that are on. Raises NotToldYet."""
        return [
            flag.name for flag in DECLARED if flag.is_feature and self.value(flag.name, tenant_id) is True
        ]

    def floors(self, tenant_id: UUID) -> dict[str, dict[str, Any]]:
        """`<platform>/<channel>` → floor; a tenant's own one stands for the platform's. Not to be changed by the caller."""
        known = self._floors.get(tenant_id)
        if known is None:
            known = self._floors_in_force(tenant_id)
            if len(self._floors) >= MOST_VALUES:
                self._floors.clear()
            self._floors[tenant_id] = known
        return known

    def _floors_in_force(self, tenant_id: UUID) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for scope in (None, tenant_id):
            prefix = floors_of(scope)
            for key, setting in self._set_in(scope).items():
                if key.startswith(prefix) and setting.value is not None:
                    found[key.removeprefix(prefix).replace(".", "/", 1)] = setting.value
        return found

    def revision(self, tenant_id: UUID) -> int:
        """Grows with every change that this tenant could see."""
        told = [*self._set_in(None).values(), *self._set_in(tenant_id).values()]
        return max((setting.row_version for setting in told), default=0)


def scope_of(key: str) -> str:
    return key.split(".", 2)[1] if key.count(".") >= 2 else ""
