"""Search in the table of the log itself.

What matches often is found among the latest records; what does not is rare, and an index leads to it. Which of both holds
is not asked of the planner's estimates: the latest records are looked through first, and only what they do not fill is
looked up, stretch of time after stretch. The SQL is put together of constant pieces, since most filters need an index of
their own. Values are parameters, always.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.db import Database, ReadTx
from services.audit.records.search.filters import CAP, COLUMNS, Filter, Place, Row, Standing
from services.audit.records.search.store import queries

TIME_LIMIT_MS = 8_000
BOUNDED = """
select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', $1, true),
       set_config('max_parallel_workers_per_gather', '0', true),
       (select size from tree_head where tenant_id = $2) as size, now() as now
"""
TEXT = "words is not null and lexemes(words) @@ (plainto_tsquery('english', {0}) || plainto_tsquery('french', {0}))"
FIELDS = "posted_fields(entry) @> {0}::jsonb"
TEXT_BY_INDEX = """
words is not null
and (word_terms(tenant_id, words) @> {english} or word_terms(tenant_id, words) @> {french})
and ({english} <@ word_terms(tenant_id, words) or {french} <@ word_terms(tenant_id, words))""".format(
    english="terms_of_words($1, to_tsvector('english', {0}))",
    french="terms_of_words($1, to_tsvector('french', {0}))",
)
FIELDS_BY_INDEX = """
field_terms(tenant_id, entry) @> terms_of_pairs($1, {0}::jsonb)
and terms_of_pairs($1, {0}::jsonb) <@ field_terms(tenant_id, entry)"""
"""Said twice: the planner takes each word for one in two hundred, and would gather all of a tenant's records beside the few
that have it. Whoever is looked up here was not found among the latest, and is rare."""
PLAIN = "received_at + interval '0'"
"""What bounds a search of words or fields within a month: not by BRIN, which knows pages, and has their rows read again."""
WORD = "record_id in (select record_id from blind_word where blind_word.tenant_id = $1 and blind_word.word = {0}::bytea)"
PRODUCTS = """
with recursive known as (
    (select product from audit_event where tenant_id = $1 and product is not null order by product limit 1)
    union all
    select (select product from audit_event where tenant_id = $1 and product > known.product order by product limit 1)
    from known where known.product is not null
)
select product from known where product is not null limit 200
"""
"""The products of a tenant, each found by one step in the index: an action is looked up in it behind its product."""
LATEST, LATEST_READ = 2_000, 600
"""So many of the latest records are looked through; fewer where each one has to be read for its words or fields."""
STRETCHES = (1, 3, 9)
"""Then what is rare is looked up in months that have not ended, in the last that has, in so many, and in all that are left.
Whole months: a condition on time within one would have its rows read again."""
NARROWEST = {4: 24, 6: 48}
"""Bits of a network as it is kept."""

AT = """
where tenant_id = $1 and leaf_index = any ($2::bigint[]) and received_at between $3::timestamptz and $4::timestamptz
order by received_at desc, leaf_index desc
"""


class PostgresSearch:
    """The store that is always there and never behind.

    Places are found as the worker: under row-level security no index serves what is not leak-proof (patterns, words,
    networks). The tenant is the first condition of every search, and the rows themselves are read under its security.
    """

    name = "postgres"

    def __init__(
        self,
        database: Database,
        *,
        time_limit_ms: int = TIME_LIMIT_MS,
        latest: int = LATEST,
        latest_read: int = LATEST_READ,
    ) -> None:
        self._database = database
        self._time_limit = str(time_limit_ms)
        self._latest = latest
        self._latest_read = latest_read

    async def find(
        self, tx: ReadTx, tenant_id: UUID, wanted: Filter, after: Place | None, most: int
    ) -> list[Row]:
        async with self._database.platform_reading() as finding:
            places = await self._places(finding, tenant_id, wanted, after, most)
        if not places:
            return []
        leaves = [place["leaf_index"] for place in places]
        bounds = places[-1]["received_at"], places[0]["received_at"]
        rows = await tx.fetch(
            f"select {', '.join(COLUMNS)} from audit_event {AT}",  # noqa: S608  # column names
            tenant_id,
            leaves,
            *bounds,
        )
        return [dict(row) for row in rows]

    async def _places(
        self, finding: ReadTx, tenant_id: UUID, wanted: Filter, after: Place | None, most: int
    ) -> list[Any]:
        log: Any = await finding.fetchrow(BOUNDED, self._time_limit, tenant_id)
        looked = self._latest_read if wanted.text or wanted.fields else self._latest
        sql, values = among_latest(tenant_id, wanted, after, looked, most)
        latest = await finding.fetch(sql, *values)
        if len(latest) == most or (log["size"] is not None and log["size"] <= looked):
            return latest
        products = await self._products(finding, tenant_id, wanted)
        bound = min((time for time in (wanted.received_to, after and after[0]) if time), default=None)
        found: list[Any] = []
        for stretch in stretches(log["now"], bound, wanted.received_from):
            sql, values = looked_up(tenant_id, wanted, products, after, stretch, most - len(found))
            found += await finding.fetch(sql, *values)
            if len(found) == most:
                break
        return found

    async def count(self, tx: ReadTx, tenant_id: UUID, wanted: Filter) -> int:  # noqa: ARG002  # see above
        counted = 0
        async with self._database.platform_reading() as finding:
            log: Any = await finding.fetchrow(BOUNDED, self._time_limit, tenant_id)
            products = await self._products(finding, tenant_id, wanted)
            for stretch in stretches(log["now"], wanted.received_to, wanted.received_from):
                conditions = within(tenant_id, wanted, products, stretch)
                some = f"select 1 from audit_event where {conditions.sql} limit {CAP + 1 - counted}"  # noqa: S608  # constant pieces
                counted += await finding.fetchval(f"select count(*) from ({some}) found", *conditions.values)  # noqa: S608
                if counted > CAP:
                    break
        return counted

    async def standing(self, tx: ReadTx, tenant_id: UUID) -> Standing:
        """The log itself, as far as it is signed."""
        row = await queries.signed_size(tx, tenant_id=tenant_id)
        return (
            Standing(None, None, 0) if row is None else Standing(row["size"], bytes(row["root"]), row["size"])
        )

    async def forget(self, tenant_id: UUID) -> None:
        """There is nothing beside the log that could be built anew."""

    async def _products(self, finding: ReadTx, tenant_id: UUID, wanted: Filter) -> list[str] | None:
        if wanted.action is None or wanted.product is not None:
            return None
        return [row["product"] for row in await finding.fetch(PRODUCTS, tenant_id)]


class Conditions:
    """What must hold of a row, with its parameters. `of` is the part that is about the tenant and time alone.

    `by_index`: words and fields are asked for as the indexes of months that have ended know them.
    """

    def __init__(
        self, tenant_id: UUID, wanted: Filter, products: list[str] | None = None, *, by_index: bool = False
    ) -> None:
        self.values: list[Any] = [tenant_id]
        self._conditions = ["tenant_id = $1"]
        time = PLAIN if by_index and (wanted.text or wanted.fields) else "received_at"
        self.add(f"{time} >= {{}}::timestamptz", wanted.received_from)
        self.add(f"{time} < {{}}::timestamptz", wanted.received_to)
        self._of = len(self._conditions)
        self._ask(wanted, products, by_index)

    @property
    def of(self) -> str:
        return " and ".join(self._conditions[: self._of])

    @property
    def asked(self) -> str:
        return " and ".join(self._conditions[self._of :]) or "true"

    @property
    def sql(self) -> str:
        return " and ".join(self._conditions)

    def add(self, condition: str, value: Any) -> None:
        if value is not None:
            self.values.append(value)
            self._conditions.append(condition.format(f"${len(self.values)}"))

    def _ask(self, wanted: Filter, products: list[str] | None, by_index: bool) -> None:
        self.add("record_id = {}::uuid", wanted.record_id)
        self.add("product = {}::text", wanted.product)
        self.add("(product is null or product = any ({}::text[]))", products)
        self.add("project_id = {}::text", wanted.project_id)
        self.add("actor_id = {}::text", wanted.actor)
        self.add("on_behalf_of = {}::text", wanted.on_behalf_of)
        if wanted.prefix is None:
            self.add("action = {}::text", wanted.action)
        elif wanted.prefix:
            self.add("action like {}::text", like(wanted.prefix))
        self.add("crud = {}::text", wanted.crud)
        self.add("target_id = {}::text", wanted.target)
        if wanted.is_failure is not None:
            self._conditions.append("is_failure" if wanted.is_failure else "not is_failure")
        if (network := wanted.network) is not None:
            kept = min(network.prefixlen, NARROWEST[network.version])
            self.add("network <<= {}::text::inet", str(network.supernet(new_prefix=kept)))
        self.add("happened_at >= {}::timestamptz", wanted.happened_from)
        self.add("happened_at < {}::timestamptz", wanted.happened_to)
        self.add(TEXT_BY_INDEX if by_index else TEXT, wanted.text)
        self.add(WORD, wanted.word)
        pairs = [{"key": key, "value": value} for key, value in wanted.fields]
        self.add(FIELDS_BY_INDEX if by_index else FIELDS, pairs or None)


def before(after: Place | None, conditions: Conditions) -> str:
    """The condition of being beyond a page's last row."""
    if after is None:
        return ""
    conditions.values += after
    here = len(conditions.values)
    return f" and (received_at, leaf_index) < (${here - 1}::timestamptz, ${here}::bigint)"


def among_latest(
    tenant_id: UUID, wanted: Filter, after: Place | None, looked: int, most: int
) -> tuple[str, list[Any]]:
    """Statement and parameters that look through so many of the latest records."""
    conditions = Conditions(tenant_id, wanted)
    beyond = before(after, conditions)
    sql = f"""
        select leaf_index, received_at from (
            select * from audit_event where {conditions.of}{beyond}
            order by received_at desc, leaf_index desc limit {int(looked)}
        ) latest where {conditions.asked} order by received_at desc, leaf_index desc limit {int(most)}
    """  # noqa: S608  # constant pieces
    return sql, conditions.values


@dataclass(frozen=True, slots=True)
class Stretch:
    """Months from `begin` until before `end`; None leaves a side open. `is_indexed`: all have ended."""

    begin: datetime | None
    end: datetime | None
    is_indexed: bool


def within(tenant_id: UUID, wanted: Filter, products: list[str] | None, where: Stretch) -> Conditions:
    """What must hold in a stretch of time."""
    conditions = Conditions(tenant_id, wanted, products, by_index=where.is_indexed)
    conditions.add("received_at >= {}::timestamptz", where.begin)
    conditions.add("received_at < {}::timestamptz", where.end)
    return conditions


def looked_up(
    tenant_id: UUID,
    wanted: Filter,
    products: list[str] | None,
    after: Place | None,
    where: Stretch,
    most: int,
) -> tuple[str, list[Any]]:
    """Statement and parameters that find all of a stretch of time by an index, then the latest of them.

    `offset 0` keeps the planner from going through the stretch in the order of time, in hope of an early end.
    """
    conditions = within(tenant_id, wanted, products, where)
    beyond = before(after, conditions)
    sql = f"""
        select leaf_index, received_at from (
            select leaf_index, received_at from audit_event where {conditions.sql}{beyond} offset 0
        ) found order by received_at desc, leaf_index desc limit {int(most)}
    """  # noqa: S608  # constant pieces
    return sql, conditions.values


def stretches(now: datetime, bound: datetime | None, oldest: datetime | None) -> Iterator[Stretch]:
    """Stretches of time from `bound` or else the latest backwards, that leave nothing out; the last has no beginning.

    Nothing is at or after `bound`. A month counts as ended a day later, as for its indexes.
    """
    open_from = month_before(now - timedelta(days=1), 0)
    end = None if bound is None else month_before(bound, -1)
    if end is None or end > open_from:
        yield Stretch(open_from, end, is_indexed=False)
        end = open_from
    newest = end
    for months in STRETCHES:
        begin = month_before(newest, months)
        if oldest is not None and begin <= oldest:
            break
        yield Stretch(begin, end, is_indexed=True)
        end = begin
    yield Stretch(None, end, is_indexed=True)


def month_before(at: datetime, months: int) -> datetime:
    """The beginning of the month so many before that of `at`, in UTC as partitions are."""
    at = at.astimezone(UTC)
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    return datetime(max(year, 1), month + 1, 1, tzinfo=UTC)


def like(prefix: str) -> str:
    """A pattern for what begins with `prefix`, whatever characters it has."""
    for special in ("\\", "%", "_"):
        prefix = prefix.replace(special, f"\\{special}")
    return f"{prefix}%"
