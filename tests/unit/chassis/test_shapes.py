"""Shapes: what is concluded from samples, and what is not."""

from typing import Any

import jsonschema
import pytest

from chassis.shapes import schema_of

RECORDED = {
    "id": "a",
    "size": 3,
    "share": 0.5,
    "note": None,
    "tags": [],
    "rows": [{"at": "x", "more": 1}, {"at": "y"}],
    "config": {"storeys": 4},
    "counts": {"queue": 1},
    "value": "standard",
}


def fits(value: Any, *, is_strict: bool) -> bool:
    return jsonschema.Draft202012Validator(schema_of([RECORDED], is_strict=is_strict)).is_valid(value)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"id": None},
        {"rows": []},
        {"rows": [{"at": "z"}]},
        {"note": {"any": "thing"}},
        {"tags": [1, "x"]},
        {"share": 1},
        {"config": {"lifts": 2}},
        {"counts": {"notes": 2, "signing_keys": 0}},
        {"value": {"of": ["any", "type"]}},
    ],
)
def test_other_answers_of_the_same_shape_fit(change: dict[str, Any]) -> None:
    assert fits({**RECORDED, **change}, is_strict=True)
    assert fits({**RECORDED, **change}, is_strict=False)


@pytest.mark.parametrize(
    "change", [{"id": 1}, {"size": "3"}, {"size": 1.5}, {"rows": {}}, {"rows": [{}]}, {"rows": [None]}]
)
def test_another_type_never_fits(change: dict[str, Any]) -> None:
    assert not fits({**RECORDED, **change}, is_strict=True)
    assert not fits({**RECORDED, **change}, is_strict=False)


def test_a_member_less_never_fits() -> None:
    assert not fits({name: value for name, value in RECORDED.items() if name != "note"}, is_strict=False)


@pytest.mark.parametrize("change", [{"new": 1}, {"rows": [{"at": "x", "new": 1}]}])
def test_a_member_more_fits_the_document_and_is_told_by_the_test(change: dict[str, Any]) -> None:
    assert fits({**RECORDED, **change}, is_strict=False)
    assert not fits({**RECORDED, **change}, is_strict=True)


def test_several_samples_are_one_shape() -> None:
    schema = schema_of([{"outcome": "activated", "tenant_id": "x"}, {"outcome": "duplicate"}])
    assert schema["required"] == ["outcome"]
    assert set(schema["properties"]) == {"outcome", "tenant_id"}


def test_nothing_is_said_of_an_answer_that_is_null() -> None:
    assert schema_of([None]) == {}
