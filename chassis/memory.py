"""What a process remembers of its database while it hears what changes there, and when it must forget it.

An entry is served only while the process hears the stream (`chassis.news`), only in the generation in which it was loaded,
only if its load began after the last word about what it depends on, and not for longer than `seconds` in any case (a relay
that stands still says nothing, and a bus that is up does not show it).
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


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
class Entry(Generic[V]):
    """What was found, in which generation, and until when it may be served."""

    found: V
    generation: int
    until: float


class Memory(Generic[K, V]):
    """Entries by key, the least used forgotten first. Times are monotonic seconds.

    `names_of` says what an entry depends on, in the words in which `touch` is told that something changed.
    """

    def __init__(self, most: int, seconds: float, names_of: Callable[[V], Iterable[str]]) -> None:
        self._most = most
        self._seconds = seconds
        self._names_of = names_of
        self._entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self._keys: defaultdict[str, set[K]] = defaultdict(set)
        self._loads: set[Load] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K, news: Liveness, now: float) -> V | None:
        """The entry, if what is remembered of it is known to be true now."""
        entry = self._entries.get(key)
        if entry is None or not news.is_live:
            return None
        if entry.generation != news.generation or entry.until <= now:
            self._forget(key)
            return None
        self._entries.move_to_end(key)
        return entry.found

    def begin(self, news: Liveness, now: float) -> Load:
        """Before the database is asked; `end` must follow."""
        load = Load(news.generation, now)
        self._loads.add(load)
        return load

    def end(self, load: Load, key: K, found: V | None, news: Liveness) -> None:
        """Remember what the database said, unless something was said about it meanwhile."""
        self._loads.discard(load)
        if found is None or not news.is_live or load.generation != news.generation:
            return
        names = frozenset(self._names_of(found))
        if not load.touched.isdisjoint(names):
            return
        self._forget(key)
        self._entries[key] = Entry(found, load.generation, load.began_at + self._seconds)
        for name in names:
            self._keys[name].add(key)
        if len(self._entries) > self._most:
            self._forget(next(iter(self._entries)))

    def touch(self, name: str) -> None:
        """What goes by this name is not what it was."""
        for load in self._loads:
            load.touched.add(name)
        for key in tuple(self._keys.get(name, ())):
            self._forget(key)

    def _forget(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for name in frozenset(self._names_of(entry.found)):
            keys = self._keys[name]
            keys.discard(key)
            if not keys:
                del self._keys[name]
