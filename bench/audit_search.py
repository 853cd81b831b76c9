"""How long a search takes over millions of records.

`python -m bench.audit_search [--quick] [--json FILE]`: records of ten tenants over fourteen months are made in the
database (one million with --quick, else ten), the months that have ended get their indexes, then each kind of search is
asked again and again, of changing tenants and values, and in between by several at once. Milliseconds, per kind and of all.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import asyncpg

from bench.report import Report, arguments
from chassis.db import Database
from services.audit.records.search.filters import Filter
from services.audit.records.search.postgres import PostgresSearch
from tests.infra import Databases, TestPostgres

TENANTS, ACTORS, MONTHS = 10, 1_000, 14
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BEGIN = END - timedelta(days=30 * MONTHS)
AT_ONCE = 4
ROWS_AT_ONCE = 250_000
FILL = """
insert into audit.audit_event (
    tenant_id, leaf_index, record_id, received_at, happened_at, class, action, crud, product, project_id, source,
    actor_id, actor_type, target_id, target_type, network, is_failure, external_id, trace_id, words, entry, leaf_hash
)
select made.*, sha256('\\x00'::bytea || made.entry) from (
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n % $3), 12, '0'))::uuid as tenant_id,
           n / $3 as leaf_index,
           ('019b0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as record_id,
           $4::timestamptz + ($5::timestamptz - $4::timestamptz) * (n / $6::float8) as received_at,
           $4::timestamptz + ($5::timestamptz - $4::timestamptz) * (n / $6::float8) as happened_at,
           'standard',
           (array['booking', 'invoice', 'door', 'shift'])[1 + n % 4] || '.'
               || (array['created', 'updated', 'viewed', 'deleted'])[1 + n / 4 % 4] as action,
           substr('curd', 1 + (n % 4)::int, 1),
           (array['notetaker', 'ledger', 'ai_console', null])[1 + n / 7 % 4] as product,
           'default', '/publishers/x',
           'u-' || hashint8(n) % $7 as actor_id, 'user',
           't-' || abs(hashint8(n * 31)) % 50000 as target_id, 'booking',
           set_masklen(('203.0.' || n % 200 || '.0')::inet, 24) as network,
           n % 97 = 0 as is_failure, n::text as external_id, md5(n::text),
           'booking ' || (array['room changed', 'paiement recu', 'key issued', 'note added'])[1 + n / 3 % 4]
               || ' word' || abs(hashint8(n * 17)) % 5000 as words,
           convert_to('{"event":{"action":"x","fields":[{"key":"room","value":"' || n % 500
               || '"}]},"format":"tenantry-audit-record/1","pad":"' || repeat(md5(n::text), 8) || '"}', 'utf8') as entry
    from generate_series($1::bigint, $2::bigint - 1) as n
) made
"""


@dataclass
class Log:
    """A filled database."""

    database: Database
    admin: asyncpg.Connection
    rows: int
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def tenant(self) -> UUID:
        return UUID(f"00000000-0000-7000-8000-{self.dice.randrange(TENANTS):012x}")

    @property
    def day(self) -> datetime:
        return BEGIN + (END - BEGIN) * self.dice.random()


async def load(admin: asyncpg.Connection, rows: int) -> None:
    """Make `rows` records, month after month, then what upkeep would have made by now."""
    for month in range(MONTHS + 1):
        await admin.execute("select audit.make_audit_months($1)", (END - timedelta(days=30 * month)).date())
    # the tables are ours alone; each row's trigger-free path is that of COPY
    for first in range(0, rows, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, rows)
        await admin.execute(FILL, first, last, TENANTS, BEGIN, END, rows, ACTORS, timeout=3_600)
        print(f"{last:,} of {rows:,} records", flush=True)
    await admin.execute("set search_path to audit")
    await admin.fetchval("select index_closed_audit_months($1)", END.date(), timeout=3_600)
    await admin.execute("vacuum (analyze) audit_event", timeout=3_600)


KINDS: dict[str, Callable[[Log], Filter]] = {
    "latest": lambda _: Filter(),
    "range": lambda log: Filter(received_from=(day := log.day), received_to=day + timedelta(days=1)),
    "actor": lambda log: Filter(actor=f"u-{log.dice.randrange(ACTORS)}"),
    "product, action": lambda log: Filter(
        product=log.dice.choice(("ledger", "notetaker")), action="invoice.*"
    ),
    "action": lambda log: Filter(action=log.dice.choice(("door.deleted", "shift.*"))),
    "target": lambda log: Filter(target=f"t-{log.dice.randrange(50_000)}"),
    "failures": lambda log: Filter(is_failure=True, received_to=log.day),
    "network": lambda log: Filter(network=ip_network(f"203.0.{log.dice.randrange(200)}.0/24")),
    "text": lambda log: Filter(text=f"word{log.dice.randrange(5_000)}", received_to=END - timedelta(days=31)),
    "text, common": lambda _: Filter(text="paiements", received_to=END - timedelta(days=31)),
    "field": lambda log: Filter(
        fields=(("room", str(log.dice.randrange(500))),), received_to=END - timedelta(days=31)
    ),
    "crud, outcome": lambda log: Filter(crud="d", is_failure=False, received_from=log.day),
}


async def ask(log: Log, kind: str) -> float:
    """Milliseconds of one search: a page of fifty."""
    wanted, tenant, store = KINDS[kind](log), log.tenant, PostgresSearch(log.database)
    began = time.perf_counter()
    async with log.database.reading(tenant) as tx:
        await store.find(tx, tenant, wanted, None, 51)
    return (time.perf_counter() - began) * 1000


async def count(log: Log, kind: str) -> float:
    """Milliseconds of counting up to the cap."""
    wanted, tenant, store = KINDS[kind](log), log.tenant, PostgresSearch(log.database)
    began = time.perf_counter()
    async with log.database.reading(tenant) as tx:
        await store.count(tx, tenant, wanted)
    return (time.perf_counter() - began) * 1000


async def mix(log: Log, report: Report, searches: int) -> None:
    """Every kind equally often, first one after the other, then several at once; the first round only warms up."""
    for kind in KINDS:
        await ask(log, kind)
    await measured(log, report, searches, 1)
    await measured(log, report, searches, AT_ONCE)


async def measured(log: Log, report: Report, searches: int, at_once: int) -> None:
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    counted: list[float] = []

    async def one(number: int) -> None:
        for _ in range(searches // at_once):
            for kind in KINDS:
                taken[kind].append(await ask(log, kind))
            counted.append(await count(log, list(KINDS)[number % len(KINDS)]))
            number += 1

    await asyncio.gather(*(one(number) for number in range(at_once)))
    every = [value for values in taken.values() for value in values]
    label = f"search, {at_once} at once" if at_once > 1 else "search"
    report.add(f"{label}, p50 ms: all", statistics.median(every))
    report.add(f"{label}, p99 ms: all", percentile(every, 99))
    report.add(f"{label}, count p99 ms", percentile(counted, 99))
    for kind, values in taken.items() if at_once == 1 else ():
        report.add(f"{label}, p50 ms: {kind}", statistics.median(values))
        report.add(f"{label}, p99 ms: {kind}", percentile(values, 99))


async def measure(database: Database, admin: asyncpg.Connection, millions: int) -> dict[str, float]:
    """The figures of the mix over so many millions of records, for `bench.audit`."""
    await load(admin, millions * 1_000_000)
    taken = Report("audit_search", argparse.Namespace(json=None))
    await mix(Log(database, admin, millions * 1_000_000), taken, 200)
    names = {"search_p50_ms": "search, p50 ms: all", "search_p99_ms": "search, p99 ms: all"}
    return {name: taken.rounds[figure][0] for name, figure in names.items()}


def percentile(values: list[float], part: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * part // 100)]


async def main() -> None:
    chosen = arguments(__doc__)
    report = Report("audit_search", chosen)
    rows = 1_000_000 if chosen.quick else 10_000_000
    with TemporaryDirectory(prefix="tenantry-bench-") as folder:
        Path(folder).chmod(0o755)
        postgres = await TestPostgres.start(Path(folder) / "postgres", "18")
        try:
            await postgres.make_template()
            databases = Databases(postgres, await postgres.clone())
            admin = await asyncpg.connect(databases.dsns("audit").admin_dsn)
            began = time.perf_counter()
            await load(admin, rows)
            report.add("records made per second", rows / (time.perf_counter() - began))
            await mix(Log(await databases.open("audit"), admin, rows), report, 40 if chosen.quick else 400)
            await admin.close()
            await databases.close()
        finally:
            await postgres.server.stop()
    report.finish()


if __name__ == "__main__":
    asyncio.run(main())
