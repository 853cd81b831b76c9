"""What the vendor remembers, in one SQLite file: the log of what its locks did, what became of each key, what arrived."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from contracts.lock_actions import Answered, Command, Line

SCHEMA = """
create table if not exists line (
    entry integer primary key autoincrement, key text, site text not null, property text not null,
    lock_id text not null, action text not null, executed_at text not null) strict;
create unique index if not exists once_per_key on line (key) where key is not null;
create table if not exists arrival (number integer primary key autoincrement, key text not null, at text not null) strict;
"""


class State:
    """Every method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.executescript(SCHEMA)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def note_arrival(self, key: str, now: datetime) -> None:
        """A command came in, whatever becomes of it."""
        self._db.execute("insert into arrival (key, at) values (?, ?)", (key, now.isoformat()))

    def execute(self, command: Command, now: datetime) -> Answered:
        """Once per key, and not after its expiry."""
        with self._transaction():
            if self.outcome(command.key) is None:
                if now >= command.expires_at:
                    return Answered(key=command.key, outcome="refused", detail="it has expired")
                self._add(command.key, command.site, command.property, command.lock_id, command.action, now)
        return Answered(key=command.key, outcome="executed")

    def execute_without_key(self, site: str, place: str, lock_id: str, action: str, now: datetime) -> None:
        """As at the vendor's own console."""
        self._add(None, site, place, lock_id, action, now)

    def _add(self, key: str | None, site: str, place: str, lock_id: str, action: str, now: datetime) -> None:
        self._db.execute(
            "insert into line (key, site, property, lock_id, action, executed_at) values (?, ?, ?, ?, ?, ?)",
            (key, site, place, lock_id, action, now.isoformat()),
        )

    def outcome(self, key: str) -> Answered | None:
        """None for a key that never acted: it may still, until it expires."""
        row = self._db.execute("select 1 from line where key = ?", (key,)).fetchone()
        return None if row is None else Answered(key=key, outcome="executed")

    def lines(self, after: int, most: int) -> list[Line]:
        found = self._db.execute(
            "select entry, key, site, property, lock_id, action, executed_at from line where entry > ?"
            " order by entry limit ?",
            (after, most),
        )
        names = ("entry", "key", "site", "property", "lock_id", "action")
        return [
            Line(**dict(zip(names, row[:6], strict=True)), executed_at=datetime.fromisoformat(row[6]))
            for row in found
        ]

    def close(self) -> None:
        self._db.close()
