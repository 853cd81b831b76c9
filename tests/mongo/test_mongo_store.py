"""The MongoDB store finds what the log's table finds, says what it was built from, and shows nothing that was changed."""

from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from services.audit.log.sequencer import append
from services.audit.records.errors import SearchStoreDamaged, SearchStoreStale
from services.audit.records.search.filters import Filter
from services.audit.records.search.following import Follower
from services.audit.records.search.mongo import MongoSearch
from services.audit.records.search.postgres import PostgresSearch
from tests.integration.audit.searching import BEGIN, EVENTS, FOUND, OTHER, TENANT, Asking, fill, record
from tests.integration.audit.stage import KEYS, Log

pytestmark = [pytest.mark.mongo]
LATER = BEGIN + timedelta(hours=1)


@pytest.fixture
async def follower(log: Log, store: MongoSearch) -> Follower:
    """Everything is signed and followed."""
    await fill(log.database)
    await log.sign(LATER)
    made = Follower(log.database, store, seconds=1)
    await made.follow()
    return made


@pytest.fixture
def asking(log: Log, store: MongoSearch, follower: Follower) -> Asking:
    return Asking(log.database, store)


async def test_each_filter_finds_what_the_table_finds(asking: Asking) -> None:
    found = [(wanted, await asking.find(**wanted)) for wanted, _ in FOUND]
    assert found == list(FOUND)
    assert await asking.find(word=await asking.word("email", "ben@hotel.example")) == [3]
    assert await asking.find(word=await asking.word("email", "else@hotel.example")) == []


async def test_rows_pages_and_tenants_are_those_of_the_table(log: Log, asking: Asking) -> None:
    table = Asking(log.database, PostgresSearch(log.database))
    assert await asking.rows(Filter()) == await table.rows(Filter())
    seen: list[int] = []
    after: Any = None
    while rows := await asking.rows(Filter(), 2, after):
        seen += [row["leaf_index"] for row in rows]
        after = rows[-1]["received_at"], rows[-1]["leaf_index"]
    assert seen == list(range(len(EVENTS)))[::-1]
    assert [row["external_id"] for row in await asking.rows(Filter(), tenant=OTHER)] == ["0"]


async def test_it_answers_as_of_the_checkpoint_that_it_was_built_from(
    log: Log, asking: Asking, store: MongoSearch, follower: Follower
) -> None:
    async with log.database.worker() as tx:
        await append(tx, await KEYS.seal(tx, [record(TENANT, 0)]), LATER)
    await follower.follow()
    assert len(await asking.find()) == len(EVENTS)  # what is not signed is not shown
    await log.sign(LATER)
    await follower.follow()
    assert len(await asking.find()) == len(EVENTS) + 1
    size, root = await log.head(TENANT)
    async with log.database.reading(TENANT) as tx:
        standing = await store.standing(tx, TENANT)
    assert (standing.size, standing.root, standing.documents) == (size, root, size)


async def test_a_changed_document_is_said_and_not_shown(
    asking: Asking, intruder: MongoClient[Any], store: MongoSearch, log: Log, follower: Follower
) -> None:
    records = intruder.get_default_database()["record"]
    for change in ({"crud": "d"}, {"entry": b"{}"}, {"received": 0}):
        records.update_one({"tenant": str(TENANT), "leaf": 2}, {"$set": change})
        with pytest.raises(SearchStoreDamaged, match="leaf 2"):
            await asking.rows(Filter())
        await store.forget(TENANT)
        with pytest.raises(SearchStoreStale):
            await asking.rows(Filter())
        await follower.follow()
        assert len(await asking.find()) == len(EVENTS)
    records.delete_one({"tenant": str(TENANT), "leaf": 2})
    async with log.database.reading(TENANT) as tx:
        standing = await store.standing(tx, TENANT)
    assert standing.documents == len(EVENTS) - 1


async def test_a_store_of_another_log_is_refused_until_it_is_built_anew(
    asking: Asking, intruder: MongoClient[Any], store: MongoSearch, follower: Follower
) -> None:
    built = intruder.get_default_database()["built"]
    for change in ({"root": "00" * 32}, {"size": 3}, {"size": 10**6}):
        built.update_one({"_id": str(TENANT)}, {"$set": change})
        with pytest.raises(SearchStoreStale):
            await asking.rows(Filter())
        await follower.follow()
        with pytest.raises(SearchStoreStale):
            await asking.rows(Filter())
        await store.forget(TENANT)
        await follower.follow()
        assert len(await asking.find()) == len(EVENTS)


async def test_an_interrupted_copy_is_taken_up_without_doubles(
    log: Log, asking: Asking, store: MongoSearch, follower: Follower
) -> None:
    await store.forget(TENANT)
    await store.put(TENANT, 0, [])
    async with log.database.reading(TENANT) as tx:
        rows = await PostgresSearch(log.database).find(tx, TENANT, Filter(), None, 3)
    await store.put(TENANT, 0, [{**row, "stems": []} for row in rows])  # and then it was killed
    await follower.follow()
    assert await asking.find() == list(range(len(EVENTS)))
    assert await asking.find(text="reservations") == [0]
