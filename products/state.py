"""What a product keeps, in one SQLite file: records, usage, what is yet to be reported, what was done and erased.

Every method is one transaction. What is deleted is overwritten (`secure_delete`) and leaves the log of the file too.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

Collections = dict[str, list[dict[str, Any]]]
USAGE = "usage"
"""The collection of an export that holds what was used."""
MOST_ITEMS = 1000
"""So many a batch of usage may hold."""
SCHEMA = """
create table if not exists record (
    tenant_id text not null, collection text not null, id text not null, body text not null,
    primary key (tenant_id, collection, id)) strict;
create table if not exists used (
    tenant_id text not null, project text not null, metric text not null, day text not null,
    quantity integer not null, unreported integer not null, last_at text not null,
    primary key (tenant_id, project, metric, day)) strict;
create table if not exists batch (batch_id text primary key, tenant_id text not null, items text not null) strict;
create table if not exists action (action_id text primary key, tenant_id text not null, answer text not null) strict;
create table if not exists statement (tenant_id text primary key, body text not null) strict;
"""


class State:
    """The state of one product. Tenants are told apart by their id in every key."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma secure_delete = on")
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

    def add_work(
        self,
        tenant_id: UUID,
        work_id: UUID,
        records: Mapping[str, Mapping[str, Any]],
        used: Mapping[str, Any],
    ) -> bool:
        """A record per collection, the one that stays first, and what it used. False for work that is known."""
        with self._transaction():
            for name, body in records.items():
                if not self._add(tenant_id, name, str(work_id), body):
                    return False
            self._use(tenant_id, **used)
        return True

    def _add(self, tenant_id: UUID, collection: str, id_: str, body: Mapping[str, Any]) -> bool:
        sql = "insert or ignore into record values (?, ?, ?, ?)"
        return self._db.execute(sql, (str(tenant_id), collection, id_, json.dumps(body))).rowcount == 1

    def _use(
        self,
        tenant_id: UUID,
        project: str,
        metric: str,
        quantity: int,
        at: datetime,
        *,
        is_reported: bool = False,
    ) -> None:
        self._db.execute(
            "insert into used values (?, ?, ?, ?, ?, ?, ?) on conflict do update set"
            " quantity = quantity + excluded.quantity, unreported = unreported + excluded.unreported,"
            " last_at = max(last_at, excluded.last_at)",
            (
                str(tenant_id), project, metric, at.date().isoformat(),
                quantity, 0 if is_reported else quantity, at.isoformat(),
            ),
        )  # fmt: skip

    def totals(
        self, tenant_id: UUID | None, after: UUID | None, most: int
    ) -> list[tuple[str, dict[str, int]]]:
        """(tenant, metric → total), by tenant."""
        found = self._db.execute(
            "select tenant_id, json_group_object(metric, total) from ("
            "  select tenant_id, metric, sum(quantity) as total from used"
            "  where (?1 is null or tenant_id = ?1) and (?2 is null or tenant_id > ?2) group by tenant_id, metric)"
            " group by tenant_id order by tenant_id limit ?3",
            (tenant_id and str(tenant_id), after and str(after), most),
        )
        return [(row[0], json.loads(row[1])) for row in found]

    def collections(self, tenant_id: UUID) -> Collections:
        """Everything of a tenant."""
        found: Collections = {}
        for collection, id_, body in self._db.execute(
            "select collection, id, body from record where tenant_id = ? order by collection, id",
            (str(tenant_id),),
        ):
            found.setdefault(collection, []).append({"id": id_, **json.loads(body)})
        used = self._db.execute(
            "select project, metric, day, quantity from used where tenant_id = ? order by project, metric, day",
            (str(tenant_id),),
        )
        if rows := [dict(zip(("project", "metric", "day", "quantity"), row, strict=True)) for row in used]:
            found[USAGE] = rows
        return found

    def erase(self, tenant_id: UUID, retained: Sequence[str]) -> bool:
        """Everything but the collections that are retained; False where there was nothing. Unreported usage goes too."""
        places = ", ".join("?" * len(retained))
        with self._transaction():
            gone = self._db.execute(
                f"delete from record where tenant_id = ? and collection not in ({places})",  # noqa: S608  # question marks
                (str(tenant_id), *retained),
            ).rowcount
            for table in ("used", "batch", "action"):
                gone += self._db.execute(
                    f"delete from {table} where tenant_id = ?",  # noqa: S608  # one of three names
                    (str(tenant_id),),
                ).rowcount
        self._db.execute("pragma wal_checkpoint(truncate)")
        return gone > 0

    def reset(self, tenant_id: UUID, fixtures: Collections, now: datetime) -> None:
        """The fixtures and nothing else; their usage counts as reported."""
        self.erase(tenant_id, ())
        with self._transaction():
            for collection, rows in fixtures.items():
                for row in rows:
                    if collection == USAGE:
                        day = datetime.fromisoformat(row["day"]).replace(tzinfo=now.tzinfo)
                        self._use(
                            tenant_id, row["project"], row["metric"], row["quantity"], day, is_reported=True
                        )
                    else:
                        body = {name: value for name, value in row.items() if name != "id"}
                        self._add(tenant_id, collection, row["id"], body)

    def clear(self, tenant_id: UUID, collection: str) -> int:
        """How many records went."""
        sql = "delete from record where tenant_id = ? and collection = ?"
        return self._db.execute(sql, (str(tenant_id), collection)).rowcount

    def bump(self, tenant_id: UUID, collection: str, field: str) -> int:
        """Add one to a number in every record of a collection; how many there were."""
        return self._db.execute(
            "update record set body = json_set(body, '$.' || ?3, json_extract(body, '$.' || ?3) + 1)"
            " where tenant_id = ?1 and collection = ?2",
            (str(tenant_id), collection, field),
        ).rowcount

    def statement(self, tenant_id: UUID) -> dict[str, Any] | None:
        """The last one, if the tenant was ever erased."""
        row = self._db.execute("select body from statement where tenant_id = ?", (str(tenant_id),)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def keep_statement(self, tenant_id: UUID, body: str) -> None:
        self._db.execute("insert or replace into statement values (?, ?)", (str(tenant_id), body))

    def act(self, tenant_id: UUID, action_id: UUID, do: Any) -> str:
        """Run `do(state, tenant_id)`, which answers what to tell, unless this action was done; then tell the same."""
        with self._transaction():
            row = self._db.execute(
                "select answer from action where action_id = ? and tenant_id = ?",
                (str(action_id), str(tenant_id)),
            ).fetchone()
            if row is not None:
                return str(row[0])
            answer = str(do(self, tenant_id))
            self._db.execute("insert into action values (?, ?, ?)", (str(action_id), str(tenant_id), answer))
        return answer

    def seal(self) -> None:
        """Put what was used since the last time into batches, each with the id under which it will be told for ever."""
        with self._transaction():
            tenants = self._db.execute("select distinct tenant_id from used where unreported > 0").fetchall()
            for (tenant_id,) in tenants:
                self._seal(tenant_id)

    def _seal(self, tenant_id: str) -> None:
        rows = self._db.execute(
            "select rowid, project, metric, unreported, last_at from used where tenant_id = ? and unreported > 0"
            " limit ?",
            (tenant_id, MOST_ITEMS),
        ).fetchall()
        items = [
            {"project": project, "metric": metric, "quantity": quantity, "at": at}
            for _, project, metric, quantity, at in rows
        ]
        self._db.execute("insert into batch values (?, ?, ?)", (str(uuid4()), tenant_id, json.dumps(items)))
        self._db.executemany("update used set unreported = 0 where rowid = ?", [(row[0],) for row in rows])

    def batches(self, most: int) -> list[dict[str, Any]]:
        """Those that were not reported, as the registry takes them."""
        found = self._db.execute(
            "select batch_id, tenant_id, items from batch order by rowid limit ?", (most,)
        )
        return [
            {"batch_id": batch_id, "tenant_id": tenant_id, "items": json.loads(items)}
            for batch_id, tenant_id, items in found
        ]

    def reported(self, batch_id: str) -> None:
        self._db.execute("delete from batch where batch_id = ?", (batch_id,))

    def close(self) -> None:
        self._db.close()
