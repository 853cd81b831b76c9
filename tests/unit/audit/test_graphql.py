"""What is asked by GraphQL: one bounded search, or a refusal that says why."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.audit.records.errors import QueryRefused
from services.audit.records.search.graphql import answer
from services.audit.records.search.retraced_query import asked_of

HEAD = "query S($query: String!, $last: Int, $before: String)"
SEARCH = "search(query: $query, last: $last, before: $before)"
QUERY = f"{HEAD} {{ {SEARCH} {{ totalCount edges {{ cursor node {{ id actor {{ name }} }} }} }} }}"


async def find(**asked: Any) -> dict[str, Any]:
    node = {"id": asked["query"], "actor": None, "action": "not asked for"}
    return {"totalCount": 1, "edges": [{"cursor": "c", "node": node}]}


async def test_what_is_asked_for_is_answered_and_nothing_else() -> None:
    found = await answer(QUERY, {"query": "x", "last": 2, "before": ""}, find)
    edges = [{"cursor": "c", "node": {"id": "x", "actor": None}}]
    assert found == {"data": {"search": {"totalCount": 1, "edges": edges}}}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (QUERY, {}),
        (QUERY, {"query": None}),
        (QUERY, {"query": 5}),
        (QUERY, {"query": "x", "last": 2**40}),
        ("{", {}),
        ("{ __schema { types { name } } }", {}),
        ('{ a: search(query: "") { totalCount } b: search(query: "") { totalCount } }', {}),
        ('{ search(query: "") { secrets } }', {}),
        ('{ search(query: "") { totalCount } } { search(query: "") { totalCount } }', {}),
        ("{ " + "search(query: 1) { totalCount } " * 200 + "}", {}),
        (" " * 10_001, {}),
    ],
    ids=str,
)
async def test_anything_else_is_refused(query: str, variables: dict[str, Any]) -> None:
    with pytest.raises(QueryRefused):
        await answer(query, variables, find)


async def test_what_the_search_raises_comes_through() -> None:
    async def fail(**_: Any) -> dict[str, Any]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await answer(QUERY, {"query": "x"}, fail)


def test_retraceds_words_are_a_filter() -> None:
    text = 'action:"booking.*" crud:u received:2027-01-04T09:00:00.000Z, created:,2027-01-05T00:00:00Z'
    asked = asked_of(f'{text} actor.name:"Ann M" actor.id:u-1 description:"room changed" late', "front")
    found = asked.filter
    assert (found.action, found.crud, found.actor, found.project_id) == ("booking.*", "u", "u-1", "front")
    assert (found.received_from, found.received_to) == (datetime(2027, 1, 4, 9, tzinfo=UTC), None)
    assert (found.happened_from, found.happened_to) == (None, datetime(2027, 1, 5, tzinfo=UTC))
    assert (found.text, asked.name) == ("room changed late", "Ann M")


@pytest.mark.parametrize(
    "text",
    [
        "location:Berlin",
        "crud:cu",
        "received:2027",
        "received:yesterday,",
        "created:0001-01-01T00:00:00+14:00,",
        "x" * 2_001,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused):
        asked_of(text, "front")
