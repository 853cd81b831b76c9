"""The shape of JSON values, as a JSON Schema derived from samples.

A sample is no contract, so little is concluded: a type where one was seen, null beside it everywhere inside, and nothing
at all of what was null or an empty list.
"""

import re
from collections.abc import Sequence
from typing import Any

from contracts.http_examples import FREE, MAPS

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def schema_of(samples: Sequence[Any], *, is_strict: bool = False) -> dict[str, Any]:
    """What all samples fit; strict, nothing that has a member more or a type that was not seen."""
    return described(list(samples), is_strict=is_strict, is_map=False, may_be_null=None in samples)


def kind_of(value: Any) -> str:
    """The JSON type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    kinds = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def described(samples: list[Any], *, is_strict: bool, is_map: bool, may_be_null: bool) -> dict[str, Any]:
    kinds = {kind_of(sample) for sample in samples} - {"null"}
    if not kinds:
        return {}
    if "number" in kinds:
        kinds.discard("integer")
    names = sorted(kinds) + ["null"] * may_be_null
    found: dict[str, Any] = {"type": names[0] if len(names) == 1 else names}
    if "object" in kinds:
        found |= members([one for one in samples if isinstance(one, dict)], is_strict, is_map=is_map)
    if "array" in kinds:
        items = [item for one in samples if isinstance(one, list) for item in one]
        found["items"] = described(
            items, is_strict=is_strict, is_map=False, may_be_null=any(item is None for item in items)
        )
    return found


def members(objects: list[dict[str, Any]], is_strict: bool, *, is_map: bool) -> dict[str, Any]:
    names = sorted({name for one in objects for name in one})
    if is_map or not all(WORD.fullmatch(name) for name in names):
        values = [value for one in objects for value in one.values()]
        return {
            "additionalProperties": described(values, is_strict=is_strict, is_map=False, may_be_null=True)
        }
    found: dict[str, Any] = {
        "properties": {
            name: {}
            if name in FREE
            else described(
                [one[name] for one in objects if name in one],
                is_strict=is_strict,
                is_map=name in MAPS,
                may_be_null=True,
            )
            for name in names
        }
    }
    if required := [name for name in names if all(name in one for one in objects)]:
        found["required"] = required
    return found | ({"additionalProperties": False} if is_strict and names else {})
