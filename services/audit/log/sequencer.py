"""How the log grows: records become the next leaves of their tenants' trees, in one transaction."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.audit.log import merkle, store
from services.audit.records.record import Leaf, Record, leaf_of

Places = list[tuple[UUID, int]]
"""(record id, leaf index), in the order of the log."""


async def append(tx: Tx, records: Sequence[Record], now: datetime) -> Places:
    """The only way into the log: each record becomes the next leaf of its tree; rows, tiles and heads move together.

    As the worker. Answers where the records went. Raises NotCanonical.
    """
    by_tree: dict[UUID, list[Record]] = defaultdict(list)
    for record in records:
        by_tree[record.tenant_id].append(record)
    rows: list[tuple[int, Leaf]] = []
    tiles: dict[UUID, merkle.Tiles] = {}
    heads: list[store.Head] = []
    for head in await store.lock_heads(tx, by_tree, now):
        # Received time never goes back, so that a range of it is a range of leaves.
        received_at = max(now, head.received_at)
        leaves = [leaf_of(record, received_at, secrets.token_bytes(16)) for record in by_tree[head.tenant_id]]
        edge = await store.tiles_at(tx, head.tenant_id, merkle.edge(head.size))
        tiles[head.tenant_id] = merkle.append(head.size, edge, [leaf.hash for leaf in leaves])
        rows.extend(enumerate(leaves, head.size))
        size = head.size + len(leaves)
        root = merkle.root(size, merkle.node_reader(edge | tiles[head.tenant_id]))
        heads.append(store.Head(head.tenant_id, size, root, received_at))
    await store.copy_leaves(tx, rows)
    await store.put_tiles(tx, tiles)
    await store.move_heads(tx, heads)
    return [(leaf.record.id, index) for index, leaf in rows]
