"""How the log grows: records become the next leaves of their tenants' trees, in one transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from chassis.db import Tx
from services.audit.log import merkle, store
from services.audit.log.growth import Growth, Head, finished_tiles, grow
from services.audit.records.record import Record

log = structlog.get_logger(__name__)

Places = list[tuple[UUID, int]]
"""(record id, leaf index)."""
KNOWN_FOR = timedelta(days=31)
"""How long a tree remembers the ids it holds; longer than the inbox and than any client tries again."""
CLOCK_MAY_LAG = timedelta(seconds=5)


async def append(tx: Tx, records: Iterable[Record], now: datetime, *, claimed: bool = False) -> Places:
    """The only way into the log: each record becomes the next leaf of its tree; rows, tiles and heads move together.

    As the worker. A record whose id the tree holds already is none of the new ones; `claimed` says that the inbox has
    looked. Answers where every record is, known ones included. Raises NotCanonical.
    """
    by_tree: dict[UUID, dict[UUID, Record]] = {}
    for record in records:
        by_tree.setdefault(record.tenant_id, {})[record.id] = record
    if not by_tree:
        return []
    heads = await store.lock_heads(tx, by_tree, now)
    places = [] if claimed else await _drop_known(tx, by_tree, now)
    grown = []
    for head in heads:
        if fresh := by_tree[head.tenant_id]:
            _look_at_the_clock(head, now)
            grown.append(grow(head, list(fresh.values()), now))
    if grown:
        await _write(tx, grown)
    places += [
        (leaf.record.id, index)
        for growth in grown
        for index, leaf in enumerate(growth.leaves, growth.before.size)
    ]
    return places


async def _drop_known(tx: Tx, by_tree: dict[UUID, dict[UUID, Record]], now: datetime) -> Places:
    """Take out what the trees hold; their heads are locked, so nobody adds it meanwhile."""
    wanted = [(tree, id_) for tree, some in by_tree.items() for id_ in some]
    known = await store.known_records(tx, wanted, now - KNOWN_FOR)
    for tree, id_, _ in known:
        del by_tree[tree][id_]
    return [(id_, index) for _, id_, index in known]


def _look_at_the_clock(head: Head, now: datetime) -> None:
    """A record is said to be as late as the one before it; far off, somebody has to look."""
    if head.received_at - now > CLOCK_MAY_LAG:
        log.error(
            "audit.clock_went_back",
            tenant_id=str(head.tenant_id),
            seconds=(head.received_at - now).total_seconds(),
        )


async def _write(tx: Tx, grown: Sequence[Growth]) -> None:
    completing = {growth.before.tenant_id: growth for growth in grown if growth.completes_a_tile}
    edges = await store.tiles_of(
        tx, {tree: merkle.edge(growth.before.size) for tree, growth in completing.items()}
    )
    finished = {tree: finished_tiles(growth, edges[tree]) for tree, growth in completing.items()}
    await store.copy_leaves(
        tx, (row for growth in grown for row in enumerate(growth.leaves, growth.before.size))
    )
    bodies = [
        (growth.before.tenant_id, index, leaf)
        for growth in grown
        for index, leaf in enumerate(growth.leaves, growth.before.size)
        if leaf.body is not None
    ]
    if bodies:
        await store.add_bodies(tx, bodies)
    if finished:
        await store.put_tiles(tx, finished)
    await store.move_heads(tx, [growth.after for growth in grown])
