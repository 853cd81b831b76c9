"""The search of `bench.audit`: a table of millions of records of one tenant among others, and what is asked of it."""

import time
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg

from chassis.db import Database
from chassis.ids import uuid7

PATIENCE = timedelta(seconds=60)
TENANT = uuid7()
ASKED = 200
FILL = """
insert into audit.audit_event (
    tenant_id, leaf_index, record_id, received_at, happened_at, class, action, product, source, actor_id, actor_type,
    target_id, target_type, is_failure, entry, leaf_hash
)
select case when n % 2 = 0 then $1::uuid else md5((n % 50)::text)::uuid end, 2000000000 + n, gen_random_uuid(),
       $2::timestamptz + n * interval '1 ms', $2::timestamptz + n * interval '1 ms', 'standard',
       'product.record.' || (n % 200), 'product-' || (n % 7), '/tenantry/registry', 'member-' || (n % 5000), 'user',
       'thing-' || (n % 100000), 'thing', n % 50 = 0, decode(repeat('20', 400), 'hex'), sha256(n::text::bytea)
from generate_series($3::bigint, $4::bigint) as n
"""
MILLION = 1_000_000
WHO = "and actor_id = $2"
WHAT = "and product = $2 and action like 'product.record.1%'"
WHEN = "and received_at >= $2::timestamptz"
PAGE = """
select leaf_index, record_id, received_at, action, actor_id, target_id from audit_event
where tenant_id = $1 {more} order by received_at desc, leaf_index desc limit 51
"""


async def measure(database: Database, admin: asyncpg.Connection, millions: int) -> dict[str, float]:
    """p50 and p99 of one page, in milliseconds. Asks the table as the search does: newest first, one filter."""
    began = datetime.now(UTC) - timedelta(milliseconds=millions * MILLION)
    for part in range(millions * 10):
        first = part * MILLION // 10
        await admin.execute(FILL, TENANT, began, first, first + MILLION // 10 - 1, timeout=600)
    await admin.execute("analyze audit.audit_event", timeout=600)
    random, took = Random(1), []
    for _ in range(ASKED):
        more, value = random.choice(
            [
                (WHO, f"member-{random.randrange(0, 5_000, 2)}"),
                (WHAT, f"product-{random.randrange(7)}"),
                (WHEN, began + timedelta(milliseconds=random.randrange(millions * MILLION))),
            ]
        )
        started = time.perf_counter()
        async with database.reading(TENANT) as tx:
            await tx.fetch(PAGE.format(more=more), TENANT, value)
        took.append((time.perf_counter() - started) * 1_000)
    took.sort()
    return {"search_p50_ms": took[len(took) // 2], "search_p99_ms": took[len(took) * 99 // 100]}
