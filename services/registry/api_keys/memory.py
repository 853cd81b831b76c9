"""What is remembered of keys in this process, and when it must be forgotten.

An entry is served only while the process hears the stream, only in the generation in which it was loaded, only if its
load began after the last word about its key and its tenant, and not for longer than `seconds` in any case (a relay
that stands still says nothing, and a bus that is up does not show it).
"""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from services.registry.api_keys.model import KnownKey

SUBJECTS = ("registry.api_key.>", "registry.tenant.>", "registry.entitlements.>")


class Liveness(Protocol):
    """What `chassis.news.News` tells."""

    generation: int

    @property
    def is_live(self) -> bool: ...


@dataclass(slots=True, eq=False)
class Load:
    """A look at the database that has begun; `touched` collects what was said meanwhile."""

    generation: int
    began_at: float
    touched: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Entry:
    known: KnownKey
    generation: int
    until: float


class Memory:
    """Keys by digest, the least used forgotten first. Times are monotonic seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._digests: defaultdict[str, set[bytes]] = defaultdict(set)
        self._loads: set[Load] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes, news: Liveness, now: float) -> KnownKey | None:
        """The key, if what is remembered of it is known to be true now."""
        entry = self._entries.get(digest)
        if entry is None or not news.is_live:
            return None
        if entry.generation != news.generation or entry.until <= now:
            self._forget(digest)
            return None
        self._entries.move_to_end(digest)
        return entry.known

    def begin(self, news: Liveness, now: float) -> Load:
        """Before the database is asked; `end` must follow."""
        load = Load(news.generation, now)
        self._loads.add(load)
        return load

    def end(self, load: Load, digest: bytes, known: KnownKey | None, news: Liveness) -> None:
        """Remember what the database said, unless something was said about it meanwhile."""
        self._loads.discard(load)
        if known is None or not news.is_live or load.generation != news.generation:
            return
        names = names_of(known)
        if not load.touched.isdisjoint(names):
            return
        self._forget(digest)
        self._entries[digest] = Entry(known, load.generation, load.began_at + self._seconds)
        for name in names:
            self._digests[name].add(digest)
        if len(self._entries) > self._most:
            self._forget(next(iter(self._entries)))

    def hear(self, headers: Mapping[str, str], _: bytes) -> None:
        """A message of the registry's stream: forget what it is about."""
        about = headers.get("ce-subject", "")
        self.touch(about if about.startswith("api_key/") else f"tenant/{headers.get('ce-tenantid', '')}")

    def touch(self, name: str) -> None:
        """`api_key/<id>` or `tenant/<id>` is not what it was."""
        for load in self._loads:
            load.touched.add(name)
        for digest in tuple(self._digests.get(name, ())):
            self._forget(digest)

    def _forget(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is None:
            return
        for name in names_of(entry.known):
            digests = self._digests[name]
            digests.discard(digest)
            if not digests:
                del self._digests[name]


def names_of(known: KnownKey) -> tuple[str, str]:
    """What events call the things that this answer depends on."""
    return f"api_key/{known.key_id}", f"tenant/{known.tenant_id}"
