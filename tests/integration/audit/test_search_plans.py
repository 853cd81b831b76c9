"""Searches use their indexes; months that have not ended carry none of words."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from bench.audit_search import BEGIN, END, load
from chassis.db import Database
from services.audit.records.search.filters import Filter
from services.audit.records.search.postgres import (
    PRODUCTS,
    Conditions,
    PostgresSearch,
    Stretch,
    among_latest,
    looked_up,
    stretches,
)
from tests.infra import ServiceDsns

pytestmark = pytest.mark.long
ROWS = 60_000
TENANT = "00000000-0000-7000-8000-000000000003"
LAST_MONTH = END - timedelta(days=31)


@pytest.fixture
async def filled(service_dsns: Callable[[str], ServiceDsns], admin: asyncpg.Connection) -> asyncpg.Connection:
    await load(admin, ROWS)
    await admin.set_type_codec("jsonb", encoder=as_json, decoder=orjson.loads, schema="pg_catalog")
    return admin


def as_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def nodes(plan: Any) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


async def explained(admin: asyncpg.Connection, wanted: Filter) -> list[dict[str, Any]]:
    """The nodes of the plan by which the rare ones are looked up in all of the log."""
    products = [row["product"] for row in await admin.fetch(PRODUCTS, TENANT)] if wanted.action else None
    sql, values = looked_up(TENANT, wanted, products, None, Stretch(None, None, True), 51)  # type: ignore[arg-type]  # asyncpg reads a text too
    return await plan_of(admin, sql, values)


async def plan_of(admin: asyncpg.Connection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    return nodes(
        orjson.loads(await admin.fetchval(f"explain (format json, verbose) {sql}", *values))[0]["Plan"]
    )


BY_INDEX: list[tuple[Filter, str]] = [
    (Filter(), "tenant_id"),
    (Filter(actor="u-77"), "actor_id"),
    (Filter(product="ledger", action="invoice.cr*"), "action"),
    (Filter(target="t-4711"), "target_id"),
    (Filter(text="word4711", received_to=LAST_MONTH), "_text "),
    (Filter(fields=(("room", "17"),), actor="u-77", received_to=LAST_MONTH), "actor_id"),
    (Filter(received_from=BEGIN + timedelta(days=40), received_to=BEGIN + timedelta(days=41)), "received_at"),
    (Filter(network=ip_network("203.0.7.0/24")), "network"),
    (Filter(crud="d"), "crud"),
    (Filter(project_id="north"), "project_id"),
]


async def test_each_kind_of_search_uses_an_index_on_what_it_asks_for(filled: asyncpg.Connection) -> None:
    for wanted, column in BY_INDEX:
        plan = await explained(filled, wanted)
        assert [node for node in plan if node["Node Type"] == "Seq Scan" and node["Plan Rows"] > 100] == [], (
            wanted
        )
        used = [f"{node.get('Index Name')} {node.get('Index Cond')}" for node in plan]
        assert any(column in one for one in used), wanted


async def test_a_range_of_time_looks_at_its_months_only(filled: asyncpg.Connection) -> None:
    plan = await explained(filled, Filter(received_from=END - timedelta(days=2), received_to=END))
    assert {node["Relation Name"] for node in plan if "Relation Name" in node} <= {
        f"audit_event_{day:%Y%m}" for day in (END, END - timedelta(days=2))
    }


async def test_the_latest_records_are_read_in_the_order_of_time(filled: asyncpg.Connection) -> None:
    """However often the planner thinks that something occurs: no bitmap of all that match is made first."""
    for wanted in (Filter(), Filter(text="paiements", received_to=LAST_MONTH), Filter(crud="d")):
        sql, values = among_latest(TENANT, wanted, None, 300, 51)  # type: ignore[arg-type]
        plan = await plan_of(filled, sql, values)
        assert "Bitmap Heap Scan" not in {node["Node Type"] for node in plan}, wanted


ASKED = [
    *(wanted for wanted, _ in BY_INDEX),
    Filter(action="shift.*"),
    Filter(action="door.deleted", is_failure=False),
    Filter(
        is_failure=True, received_from=BEGIN + timedelta(days=100), received_to=BEGIN + timedelta(days=300)
    ),
    Filter(network=ip_network("203.0.7.128/25")),
    Filter(network=ip_network("203.0.0.0/16"), crud="c"),
    Filter(text="paiements room", received_to=LAST_MONTH),
    Filter(actor="nobody"),
]


@pytest.mark.parametrize("latest", [1, 400])
async def test_pages_hold_all_that_match_and_nothing_else(
    filled: asyncpg.Connection, database: Callable[[str], Awaitable[Database]], latest: int
) -> None:
    """However few of the latest records are looked through first: against one statement without any plan of ours."""
    opened, tenant = await database("audit"), UUID(TENANT)
    store = PostgresSearch(opened, latest=latest, latest_read=latest)
    for wanted in ASKED:
        conditions = Conditions(tenant, wanted)
        sql = f"select leaf_index from audit.audit_event where {conditions.sql} order by leaf_index desc limit 200"  # noqa: S608  # constant pieces
        expected = [row["leaf_index"] for row in await filled.fetch(sql, *conditions.values)]
        found: list[int] = []
        after: Any = None
        while len(found) < 200:
            async with opened.reading(tenant) as tx:
                rows = await store.find(tx, tenant, wanted, after, 40)
            found += [row["leaf_index"] for row in rows]
            if len(rows) < 40:
                break
            after = rows[-1]["received_at"], rows[-1]["leaf_index"]
        assert found == expected, wanted


def test_stretches_of_time_leave_nothing_out() -> None:
    now = datetime(2027, 1, 20, tzinfo=UTC)
    for bound in (None, now, now - timedelta(days=700), now + timedelta(days=700)):
        found = list(stretches(now, bound, None))
        assert found[-1].begin is None
        assert [one.begin for one in found[:-1]] == [one.end for one in found[1:]]
        assert (found[0].end is None) if bound is None else (found[0].end or BEGIN) > bound
        assert all(
            one.is_indexed == (one.end is not None and one.end <= datetime(2027, 1, 1, tzinfo=UTC))
            for one in found
        )
    january = datetime(2027, 1, 1, tzinfo=UTC)
    assert list(stretches(now, None, now - timedelta(days=40))) == [
        Stretch(january, None, is_indexed=False),
        Stretch(None, january, is_indexed=True),
    ]


async def test_words_and_fields_are_indexed_when_their_month_has_ended(filled: asyncpg.Connection) -> None:
    found = await filled.fetch(
        "select tablename, indexname from pg_indexes where indexname ~ '_(text|fields)$' order by indexname"
    )
    months = {row["tablename"] for row in found}
    assert f"audit_event_{LAST_MONTH:%Y%m}" in months
    assert f"audit_event_{END + timedelta(days=1):%Y%m}" not in months
    assert len(found) == 2 * len(months)
    again = await filled.fetchval("select index_closed_audit_months($1)", END.date())
    assert again == []
