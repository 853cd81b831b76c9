"""What every desktop should have been told, by the rows of the feed; and what it was told."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.continuity.desktop import Connection


@dataclass(frozen=True, slots=True)
class Said:
    """A row of the feed. `seq` is its number in the feed, which the stream follows one by one."""

    seq: int
    tenant_id: UUID
    audience: str
    id: str


@dataclass(frozen=True, slots=True)
class Right:
    """What a desktop may hear, the number of the word that ends this (0: none has), and when it was given (seconds)."""

    audiences: frozenset[str]
    until: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Log:
    """One desktop: its rights one after the other, and its connections likewise."""

    name: str
    tenant_id: UUID
    rights: Sequence[Right]
    connections: Sequence[Connection]


@dataclass
class Verdict:
    """`wrong` says what is missing, twice, out of order or somebody else's; empty when nothing is."""

    wrong: list[str] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    """Epoch → place in its stream of the feed's number 0."""
    judged: int = 0


def judge(said: Sequence[Said], logs: Sequence[Log]) -> Verdict:
    """Every connection for itself, and whether each began where the one before had ended."""
    found = Verdict()
    find_offsets(said, logs, found)
    by_tenant: dict[UUID, list[Said]] = defaultdict(list)
    for row in sorted(said, key=lambda row: row.seq):
        by_tenant[row.tenant_id].append(row)
    numbers = {tenant_id: [row.seq for row in rows] for tenant_id, rows in by_tenant.items()}
    for log in logs:
        join(log, found)
        for connection in log.connections:
            rows = by_tenant[log.tenant_id]
            if connection.epoch in found.offsets:
                offset = found.offsets[connection.epoch]
                first = bisect_right(numbers[log.tenant_id], connection.start - offset)
                behind = bisect_left(numbers[log.tenant_id], connection.end - offset + 1)
                compare(log, connection, rows[first:behind], connection.end - offset, found)
    return found


def find_offsets(said: Sequence[Said], logs: Sequence[Log], found: Verdict) -> None:
    """The stream is the feed, one by one: place and number differ by the same in the whole epoch, for everybody."""
    numbers = {row.id: row.seq for row in said}
    for log in logs:
        for connection in log.connections:
            for id_, at in zip(connection.ids, connection.seqs, strict=True):
                if id_ not in numbers:
                    found.wrong.append(f"{log.name}: {id_} is not in the feed")
                elif found.offsets.setdefault(connection.epoch, at - numbers[id_]) != at - numbers[id_]:
                    found.wrong.append(
                        f"{log.name}: {id_} at {connection.epoch}-{at}, which is another's place"
                    )


def join(log: Log, found: Verdict) -> None:
    for before, after in zip(log.connections, log.connections[1:], strict=False):
        if before.epoch == after.epoch and after.start != before.end:
            found.wrong.append(f"{log.name}: went on at {after.start}, not {before.end}")
        if after.reset != ("" if before.epoch == after.epoch else "epoch_changed"):
            found.wrong.append(
                f"{log.name}: {after.reset or 'no'} reset from {before.epoch} to {after.epoch}"
            )


def compare(log: Log, connection: Connection, rows: Sequence[Said], end: int, found: Verdict) -> None:
    """With each of its rights that was given before the connection was opened and had not ended before it did.

    The door knows of a right a moment before the feed tells of it, so that a connection with it may begin behind that word.
    """
    found.judged += len(connection.ids)
    owed = [
        [row.id for row in rows if row.audience in right.audiences]
        for right in log.rights
        if right.since <= connection.opened_at and (not right.until or end <= right.until)
    ]
    if connection.ids not in owed:
        place = f"{log.name}: {connection.epoch}-{connection.start} to {connection.end}"
        nearest = min(owed, key=lambda ids: len(set(ids) ^ set(connection.ids)), default=[])
        missing, others = (
            [id_ for id_ in nearest if id_ not in connection.ids],
            [id_ for id_ in connection.ids if id_ not in nearest],
        )
        found.wrong.append(
            f"{place}: {len(missing)} missing {missing[:3]}, {len(others)} too many {others[:3]}"
        )
