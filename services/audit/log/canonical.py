"""The exact bytes of an audit leaf: RFC 8785 (JCS), restricted so that a fast encoder gives the same bytes.

Allowed are objects with ASCII keys, arrays, strings, booleans, null and integers below 2^53 in magnitude, nested at most
128 deep. Within these limits `orjson` with sorted keys is byte-equal to RFC 8785; a test holds it against another
implementation.
"""

import base64
from collections.abc import Iterator
from typing import Any

import orjson

LARGEST_INTEGER = 2**53 - 1
DEEPEST = 128
"""The encoder gives up at 254, and a body stands inside a leaf."""


class NotCanonical(ValueError):
    """The value lies outside the restriction; the message names the place as a JSON pointer."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of `value`. Raises NotCanonical."""
    check(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def check(value: Any, pointer: str = "", depth: int = 0) -> None:
    """Raise NotCanonical for the first part of `value` that has no canonical form here."""
    if depth > DEEPEST:
        raise NotCanonical(f"{pointer[:80]}…: nested deeper than {DEEPEST}")
    if isinstance(value, dict | list | tuple):
        for step, part in steps_of(value, pointer):
            check(part, f"{pointer}/{step}", depth + 1)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonical(f"{pointer or '/'}: {value} does not fit into 53 bits")
    elif not isinstance(value, str):
        raise NotCanonical(f"{pointer or '/'}: {type(value).__name__} has no canonical form")


def steps_of(value: Any, pointer: str) -> Iterator[tuple[Any, Any]]:
    """The parts of an object or an array, each with its step of a JSON pointer."""
    if not isinstance(value, dict):
        yield from enumerate(value)
        return
    for key, part in value.items():
        if not isinstance(key, str) or not key.isascii():
            raise NotCanonical(f"{pointer or '/'}: the key {key!r} is not an ASCII string")
        yield key, part


def embed(data: bytes) -> dict[str, Any]:
    """An event's body for a leaf: as JSON where that is canonical, else its bytes in base64. Nothing is refused."""
    try:
        body = orjson.loads(data)
        check(body, depth=1)
    except (orjson.JSONDecodeError, NotCanonical):
        return {"data_base64": base64.b64encode(data).decode()}
    return {"data": body}
