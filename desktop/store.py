"""What the desktop keeps: one SQLite file with its cursors, its records and the queue of work done offline.

Everything that must be true together is committed together: an event with its cursor, a page with its cursor, a queued
action with its number.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists setting(name text primary key, value text not null) strict;
create table if not exists feed_position(audience text primary key, seq integer not null) strict;
create table if not exists feed_event(
    position integer primary key, event_id text not null, audience text not null, type text not null, frame text not null
) strict;
create table if not exists record(
    scope text not null, collection text not null, key text not null, version integer not null, value text not null,
    primary key (scope, collection, key)
) strict;
create table if not exists mutation(
    mid integer primary key, body text not null, status text not null default 'queued', answer text
) strict;
"""


LARGEST_MUTATION = 250_000
"""Bytes of one action; the server takes a megabyte for a whole push."""
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One queued action; `mid` counts from 1 without a hole within a producer epoch."""

    mid: int
    collection: str
    key: str
    type: str
    args: dict[str, Any]
    base_version: int | None
    occurred_at: str

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def encoded(self) -> str:
        """As JSON. Raises ValueError for what the server cannot even read: it would block the queue for ever."""
        if not (1 <= len(self.key) <= 200 and len(self.collection) <= 100 and len(self.args) <= 50):
            raise ValueError("key: 1 to 200 characters; collection: at most 100; args: at most 50 fields")
        body = json.dumps(self.as_json(), ensure_ascii=False, allow_nan=False)
        if len(body.encode()) > LARGEST_MUTATION:  # a lone surrogate is a ValueError here, too
            raise ValueError(f"the action is larger than {LARGEST_MUTATION} bytes")
        if NUL.search(body):
            raise ValueError("a text holds the character NUL, which cannot be stored")
        return body


class Store:
    """The desktop's own database. One writer: the desktop process."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is done inside."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    # Settings and cursors

    def setting(self, name: str) -> str | None:
        row = self._db.execute("select value from setting where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        self._db.execute(
            "insert into setting values (?, ?) on conflict (name) do update set value = excluded.value",
            (name, value),
        )

    def drop_setting(self, name: str) -> None:
        self._db.execute("delete from setting where name = ?", (name,))

    # The feed

    def last_in_audience(self, audience: str) -> int | None:
        row = self._db.execute("select seq from feed_position where audience = ?", (audience,)).fetchone()
        return None if row is None else int(row[0])

    def set_last_in_audience(self, audience: str, seq: int) -> None:
        self._db.execute(
            "insert into feed_position values (?, ?) on conflict (audience) do update set seq = excluded.seq",
            (audience, seq),
        )

    def forget_feed(self) -> None:
        """After a `reset`: positions and log belong to a numbering that is gone."""
        self._db.execute("delete from feed_position")
        self._db.execute("delete from feed_event")
        self.drop_setting("feed_cursor")

    def log_event(
        self, position: int, event_id: str, audience: str, type_: str, frame: dict[str, Any]
    ) -> None:
        self._db.execute(
            "insert into feed_event values (?, ?, ?, ?, ?)",
            (position, event_id, audience, type_, json.dumps(frame)),
        )

    def events(self) -> list[dict[str, Any]]:
        """Every event received, in the order of the stream."""
        return [
            json.loads(row[0]) for row in self._db.execute("select frame from feed_event order by position")
        ]

    # Records

    def put_record(self, scope: str, collection: str, key: str, version: int, value: dict[str, Any]) -> None:
        self._db.execute(
            "insert into record values (?, ?, ?, ?, ?) on conflict (scope, collection, key)"
            " do update set version = excluded.version, value = excluded.value where excluded.version > version",
            (scope, collection, key, version, json.dumps(value)),
        )

    def mark_stale(self, scope: str) -> None:
        """After a cursor that is gone: the records stay readable, any version replaces them."""
        self._db.execute("update record set version = 0 where scope = ?", (scope,))

    def drop_stale(self, scope: str) -> None:
        """At the end of the way from the beginning: what did not come again does not exist any more."""
        self._db.execute("delete from record where scope = ? and version = 0", (scope,))

    def delete_record(self, scope: str, collection: str, key: str) -> None:
        self._db.execute(
            "delete from record where (scope, collection, key) = (?, ?, ?)", (scope, collection, key)
        )

    def records(self, collection: str) -> dict[str, tuple[int, dict[str, Any]]]:
        """Key → (version, value) of a collection."""
        rows = self._db.execute(
            "select key, version, value from record where collection = ? order by key", (collection,)
        )
        return {key: (version, json.loads(value)) for key, version, value in rows}

    # The queue

    def enqueue(self, collection: str, key: str, type_: str, args: dict[str, Any], *, at: str) -> Mutation:
        """Give the action its number and keep it; it survives a crash from here on.

        Raises ValueError for one that could never be handed in.
        """
        with self.transaction():
            mid = int(self._db.execute("select coalesce(max(mid), 0) + 1 from mutation").fetchone()[0])
            base = self._db.execute(
                "select version from record where collection = ? and key = ?", (collection, key)
            ).fetchone()
            queued = Mutation(mid, collection, key, type_, args, base[0] if base else None, at)
            self._db.execute("insert into mutation (mid, body) values (?, ?)", (mid, queued.encoded()))
        return queued

    def queued(self, limit: int, most_bytes: int = 2 * LARGEST_MUTATION) -> list[Mutation]:
        """The oldest actions that the server has not answered yet, in order; as many as fit, at least one."""
        rows = self._db.execute(
            "select body from (select mid, body, sum(length(cast(body as blob))) over (order by mid) as total"
            " from (select mid, body from mutation where status = 'queued' order by mid limit ?))"
            " where total <= ? or total = length(cast(body as blob)) order by mid",
            (limit, most_bytes),
        )
        return [Mutation(**json.loads(row[0])) for row in rows]

    def queue_depth(self) -> int:
        return int(self._db.execute("select count(*) from mutation where status = 'queued'").fetchone()[0])

    def oldest_queued_at(self) -> str | None:
        """When the oldest of them was done, as it was written down."""
        row = self._db.execute(
            "select body from mutation where status = 'queued' order by mid limit 1"
        ).fetchone()
        return None if row is None else str(json.loads(row[0])["occurred_at"])

    def last_mid(self) -> int:
        """The highest number answered by the server, 0 when there is none."""
        row = self._db.execute(
            "select coalesce(max(mid), 0) from mutation where status <> 'queued'"
        ).fetchone()
        return int(row[0])

    def settle(self, mid: int, status: str, answer: dict[str, Any]) -> None:
        self._db.execute(
            "update mutation set status = ?, answer = ? where mid = ?", (status, json.dumps(answer), mid)
        )

    def settled(self) -> dict[int, str]:
        """Number → what became of it."""
        return dict(self._db.execute("select mid, status from mutation where status <> 'queued'"))
