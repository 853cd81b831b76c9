"""Searches use their indexes; months that have not ended carry none of words."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import asyncpg
import orjson
import pytest

from bench.audit_search import BEGIN, END, load
from services.audit.records.search.filters import Filter
from services.audit.records.search.postgres import PRODUCTS, query
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
    """The nodes of the plan of a page of fifty."""
    products = [row["product"] for row in await admin.fetch(PRODUCTS, TENANT)] if wanted.action else None
    sql, values = query(TENANT, wanted, products)  # type: ignore[arg-type]  # asyncpg reads a text too
    page = f"select leaf_index {sql} order by received_at desc, leaf_index desc limit 51"
    told = await admin.fetchval(f"explain (format json, verbose) {page}", *values)
    return nodes(orjson.loads(told)[0]["Plan"])


BY_INDEX: list[tuple[Filter, str]] = [
    (Filter(), "tenant_id"),
    (Filter(actor="u-77"), "actor_id"),
    (Filter(product="ledger", action="invoice.cr*"), "action"),
    (Filter(target="t-4711"), "target_id"),
    (Filter(text="word4711", received_to=LAST_MONTH), "_text "),
    (Filter(fields=(("room", "17"),), actor="u-77", received_to=LAST_MONTH), "actor_id"),
    (Filter(received_from=BEGIN + timedelta(days=40), received_to=BEGIN + timedelta(days=41)), "received_at"),
    (Filter(network=ip_network("203.0.7.0/24"), received_to=LAST_MONTH), "_network "),
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
    assert {node["Relation Name"] for node in plan if "Relation Name" in node} == {"audit_event_202701"}


async def test_words_and_fields_are_indexed_when_their_month_has_ended(filled: asyncpg.Connection) -> None:
    found = await filled.fetch(
        "select tablename, indexname from pg_indexes where indexname ~ '_(text|fields|network)$' order by indexname"
    )
    months = {row["tablename"] for row in found}
    assert "audit_event_202612" in months
    assert "audit_event_202701" not in months
    assert len(found) == 3 * len(months)
    again = await filled.fetchval("select index_closed_audit_months($1)", END.date())
    assert again == []
