"""The published forms: equal to the declarations, valid, and every golden example parses for ever."""

import contextlib
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import generate
from contracts.catalogue import EVENT_TYPES
from contracts.event import UndecodableEvent

EXAMPLES = sorted((Path(generate.__file__).parent / "examples").glob("*/*.json"))


def test_committed_files_are_what_the_declarations_say() -> None:
    stale = [path.name for path, text in generate.outputs().items() if path.read_text("utf-8") != text]
    assert stale == []
    assert generate.missing_examples() == {}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_golden_example_parses_and_fits_its_schema(path: Path) -> None:
    event = EVENT_TYPES[path.parent.name]
    data = path.read_bytes()
    told, again = json.loads(data), json.loads(event.read(data).data())
    later = dict.fromkeys(again.keys() - told.keys())
    assert again == told | later, (
        "what was added to a version since is optional, and null in an older example"
    )
    jsonschema.validate(json.loads(data), generate.schema(event), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_newer_body_with_more_fields_is_read(path: Path) -> None:
    event = EVENT_TYPES[path.parent.name]
    value = json.loads(path.read_bytes())
    newer = json.dumps(with_more(value)).encode()
    assert event.read(newer) == event.read(path.read_bytes())


def with_more(value: object) -> object:
    """An unknown field in every object, at every depth."""
    if isinstance(value, dict):
        return {**{name: with_more(part) for name, part in value.items()}, "from_the_future": {"x": 1}}
    return [with_more(part) for part in value] if isinstance(value, list) else value


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_in_another_way(data: bytes) -> None:
    for event in EVENT_TYPES.values():
        with contextlib.suppress(UndecodableEvent):
            event.read(data)
