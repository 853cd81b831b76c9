"""Recorded examples in a document: shown at their place, and a schema only where there is none."""

from typing import Any

import pytest

from chassis.openapi_examples import DERIVED, put_into
from contracts.http_examples import Exchange

ANY_OBJECT = {"type": "object", "additionalProperties": True, "title": "Response Show"}
MODEL = {"$ref": "#/components/schemas/Thing"}
WORDS = {"type": "object", "additionalProperties": {"type": "string"}}


def with_examples(*recorded: Exchange, schema: Any = None) -> dict[str, Any]:
    """The one operation of a document, after it was shown the examples."""
    operation: dict[str, Any] = {
        "parameters": [{"name": "id", "in": "path"}, {"name": "size", "in": "query"}],
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": schema or {}}}}},
    }
    put_into({"paths": {"/things/{id}": {"post": operation}}}, {"POST /things/{id}": list(recorded)})
    return operation


def answer(operation: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    found: dict[str, Any] = operation["responses"]["200"]["content"][media_type]
    return found


def test_an_example_stands_at_its_place() -> None:
    one = Exchange(200, path={"id": "a"}, query={"size": 3}, request={"x": 1}, response={"y": None})
    operation = with_examples(one)
    assert [parameter["example"] for parameter in operation["parameters"]] == ["a", 3]
    assert operation["requestBody"]["content"]["application/json"]["example"] == {"x": 1}
    assert answer(operation)["example"] == {"y": None}


@pytest.mark.parametrize("schema", [{}, ANY_OBJECT])
def test_a_schema_that_says_nothing_is_replaced(schema: dict[str, Any]) -> None:
    found = answer(with_examples(Exchange(200, response={"y": 1}), schema=schema))["schema"]
    assert found["properties"] == {"y": {"type": ["integer", "null"]}}
    assert found["description"] == DERIVED


@pytest.mark.parametrize("schema", [MODEL, WORDS])
def test_a_declared_schema_stays(schema: dict[str, Any]) -> None:
    assert answer(with_examples(Exchange(200, response={"y": "1"}), schema=schema))["schema"] == schema


def test_several_examples_have_their_titles_and_one_schema() -> None:
    told = [Exchange(200, "first", response={"y": 1, "z": 1}), Exchange(200, "again", response={"y": 2})]
    found = answer(with_examples(*told))
    assert found["examples"] == {"first": {"value": {"y": 1, "z": 1}}, "again": {"value": {"y": 2}}}
    assert found["schema"]["required"] == ["y"]


def test_the_same_value_is_shown_once() -> None:
    told = [Exchange(200, title, path={"id": "a"}, response={"y": 1}) for title in ("first", "again")]
    operation = with_examples(*told)
    assert operation["parameters"][0] == {"name": "id", "in": "path", "example": "a"}
    assert answer(operation)["example"] == {"y": 1}


def test_a_text_is_shown_with_its_media_type() -> None:
    operation = with_examples(Exchange(200, response="origin\n3\n", media_type="text/plain"))
    assert answer(operation, "text/plain") == {"schema": {"type": "string"}, "example": "origin\n3\n"}


def test_examples_of_what_is_no_more_are_left_out() -> None:
    document: dict[str, Any] = {"paths": {}}
    put_into(document, {"GET /gone": [Exchange(200)]})
    assert document == {"paths": {}}
