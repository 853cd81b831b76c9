"""Search in the table of the log itself.

The SQL is put together of constant pieces: one statement with every condition optional would get one plan for all, and
most filters need an index of their own. Values are parameters, always.
"""

from typing import Any
from uuid import UUID

from chassis.db import Database, ReadTx
from services.audit.records.search.filters import CAP, COLUMNS, Filter, Place, Row, Standing
from services.audit.records.search.store import queries

TIME_LIMIT_MS = 8_000
BOUNDED = "select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', $1, true)"
TEXT = """words is not null and lexemes(words) @@ (plainto_tsquery('english', {0}) || plainto_tsquery('french', {0}))"""
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

    def __init__(self, database: Database, *, time_limit_ms: int = TIME_LIMIT_MS) -> None:
        self._database = database
        self._time_limit = str(time_limit_ms)

    async def find(
        self, tx: ReadTx, tenant_id: UUID, wanted: Filter, after: Place | None, most: int
    ) -> list[Row]:
        async with self._database.platform_reading() as finding:
            sql, values = await self._prepared(finding, tenant_id, wanted)
            if after is not None:
                values += after
                here, leaf = len(values) - 1, len(values)
                sql += f" and (received_at, leaf_index) < (${here}::timestamptz, ${leaf}::bigint)"
            places = await finding.fetch(
                f"select leaf_index, received_at {sql} order by received_at desc, leaf_index desc limit {int(most)}",
                *values,
            )
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

    async def count(self, tx: ReadTx, tenant_id: UUID, wanted: Filter) -> int:  # noqa: ARG002  # see above
        async with self._database.platform_reading() as finding:
            sql, values = await self._prepared(finding, tenant_id, wanted)
            counting = f"select count(*) from (select 1 {sql} limit {CAP + 1}) found"  # noqa: S608  # constant pieces
            counted: int = await finding.fetchval(counting, *values)
        return counted

    async def standing(self, tx: ReadTx, tenant_id: UUID) -> Standing:
        """The log itself, as far as it is signed."""
        row = await queries.signed_size(tx, tenant_id=tenant_id)
        return (
            Standing(None, None, 0) if row is None else Standing(row["size"], bytes(row["root"]), row["size"])
        )

    async def forget(self, tenant_id: UUID) -> None:
        """There is nothing beside the log that could be built anew."""

    async def _prepared(self, finding: ReadTx, tenant_id: UUID, wanted: Filter) -> tuple[str, list[Any]]:
        await finding.fetchrow(BOUNDED, self._time_limit)
        products = None
        if wanted.action is not None and wanted.product is None:
            products = [row["product"] for row in await finding.fetch(PRODUCTS, tenant_id)]
        return query(tenant_id, wanted, products)


def query(tenant_id: UUID, wanted: Filter, products: list[str] | None) -> tuple[str, list[Any]]:
    """`from … where …` and its parameters. `products`: all of the tenant, where an action is asked for without one."""
    values: list[Any] = [tenant_id]
    conditions = ["tenant_id = $1"]

    def add(condition: str, value: Any) -> None:
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))

    add("received_at >= {}::timestamptz", wanted.received_from)
    add("received_at < {}::timestamptz", wanted.received_to)
    add("record_id = {}::uuid", wanted.record_id)
    add("product = {}::text", wanted.product)
    add("(product is null or product = any ({}::text[]))", products)
    add("project_id = {}::text", wanted.project_id)
    add("actor_id = {}::text", wanted.actor)
    add("on_behalf_of = {}::text", wanted.on_behalf_of)
    if wanted.prefix is None:
        add("action = {}::text", wanted.action)
    elif wanted.prefix:
        add("action like {}::text", like(wanted.prefix))
    add("crud = {}::text", wanted.crud)
    add("target_id = {}::text", wanted.target)
    if wanted.is_failure is not None:
        conditions.append("is_failure" if wanted.is_failure else "not is_failure")
    add("network && {}::text::inet", None if wanted.network is None else str(wanted.network))
    add("happened_at >= {}::timestamptz", wanted.happened_from)
    add("happened_at < {}::timestamptz", wanted.happened_to)
    add(TEXT, wanted.text)
    add(WORD, wanted.word)
    pairs = [{"key": key, "value": value} for key, value in wanted.fields]
    add("posted_fields(entry) @> {}::jsonb", pairs or None)
    return f"from audit_event where {' and '.join(conditions)}", values


def like(prefix: str) -> str:
    """A pattern for what begins with `prefix`, whatever characters it has."""
    for special in ("\\", "%", "_"):
        prefix = prefix.replace(special, f"\\{special}")
    return f"{prefix}%"
