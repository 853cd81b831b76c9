"""Every search store finds the same; each test runs against all of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chassis.db import Database
from services.audit.records.search.filters import CAP, COLUMNS, Filter
from services.audit.records.search.postgres import PostgresSearch
from tests.integration.audit.searching import FOUND, OTHER, TENANT, Asking, fill


@pytest.fixture(params=[1, 2_000], ids=["by index", "among the latest"])
async def asking(database: Callable[[str], Awaitable[Database]], request: pytest.FixtureRequest) -> Asking:
    opened = await database("audit")
    await fill(opened)
    return Asking(opened, PostgresSearch(opened, latest=request.param, latest_read=request.param))


async def test_each_filter_finds_what_it_names(asking: Asking) -> None:
    found = [(wanted, await asking.find(**wanted)) for wanted, _ in FOUND]
    assert found == list(FOUND)


async def test_people_are_found_by_keyed_words(asking: Asking) -> None:
    assert await asking.find(word=await asking.word("email", "ben@HOTEL.example")) == [3]
    assert await asking.find(word=await asking.word("email", "else@hotel.example")) == []


async def test_pages_are_newest_first_without_a_gap_or_a_double(asking: Asking) -> None:
    seen: list[int] = []
    after: Any = None
    while rows := await asking.rows(Filter(), 2, after):
        seen += [row["leaf_index"] for row in rows]
        after = rows[-1]["received_at"], rows[-1]["leaf_index"]
    assert seen == [5, 4, 3, 2, 1, 0]


async def test_another_tenants_records_are_not_found(asking: Asking) -> None:
    rows = await asking.rows(Filter(), tenant=OTHER)
    assert [row["external_id"] for row in rows] == ["0"]
    found = await asking.rows(Filter(record_id=rows[0]["record_id"]))
    assert found == []


async def test_rows_are_what_the_log_has(asking: Asking) -> None:
    rows = await asking.rows(Filter())
    async with asking.database.reading(TENANT) as tx:
        sql = f"select {', '.join(COLUMNS)} from audit_event order by leaf_index desc"  # noqa: S608  # column names
        assert rows == [dict(row) for row in await tx.fetch(sql)]
    assert CAP == 10_000
