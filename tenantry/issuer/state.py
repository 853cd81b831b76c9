"""What the issuer keeps: small documents in one SQLite file."""

import json
import sqlite3
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists document (
    kind text not null, id text not null, body text not null, expires_at real,
    primary key (kind, id)
) strict;
"""


class State:
    """Documents by kind and id; those with an end are gone after it. Every call is a transaction of its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.executescript(SCHEMA)

    def put(self, kind: str, id_: str, body: dict[str, Any], expires_at: float | None = None) -> None:
        self._db.execute(
            "insert into document values (?, ?, ?, ?) on conflict (kind, id)"
            " do update set body = excluded.body, expires_at = excluded.expires_at",
            (kind, id_, json.dumps(body), expires_at),
        )

    def get(self, kind: str, id_: str, now: float = 0.0) -> dict[str, Any] | None:
        row = self._db.execute(
            "select body from document where kind = ? and id = ? and (expires_at is null or expires_at > ?)",
            (kind, id_, now),
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def remove(self, kind: str, id_: str) -> None:
        self._db.execute("delete from document where kind = ? and id = ?", (kind, id_))

    def take(self, kind: str, id_: str, now: float) -> dict[str, Any] | None:
        """The document, which is gone afterwards: for what may be used once."""
        row = self._db.execute(
            "delete from document where kind = ? and id = ? returning body, expires_at", (kind, id_)
        ).fetchone()
        if row is None or (row[1] is not None and row[1] <= now):
            return None
        return dict(json.loads(row[0]))

    def add(self, kind: str, id_: str, body: dict[str, Any], expires_at: float) -> bool:
        """False when it is there already."""
        cursor = self._db.execute(
            "insert or ignore into document values (?, ?, ?, ?)", (kind, id_, json.dumps(body), expires_at)
        )
        return cursor.rowcount == 1

    def all(self, kind: str) -> list[dict[str, Any]]:
        rows = self._db.execute("select body from document where kind = ? order by id", (kind,))
        return [dict(json.loads(row[0])) for row in rows]

    def forget_expired(self, now: float) -> None:
        self._db.execute("delete from document where expires_at <= ?", (now,))

    def close(self) -> None:
        self._db.close()
