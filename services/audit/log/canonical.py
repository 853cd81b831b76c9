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

NOT_JSON = object()


class NotCanonical(ValueError):
    """The value lies outside the restriction; the message names the place as a JSON pointer."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of `value`. Raises NotCanonical."""
    if not is_canonical(value):
        check(value)
    return encoded(value)


def encoded(value: Any) -> bytes:
    """The canonical bytes of a value that was looked at already."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def is_canonical(value: Any, depth: int = 0) -> bool:
    """Whether `check` would find nothing. It names no place and is several times faster, as every leaf goes through it."""
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        value, kind = value.values(), list
    if kind is list:
        for part in value:
            if type(part) is not str and part is not None and not is_canonical(part, depth + 1):
                return False
        return depth <= DEEPEST
    if kind is int:
        return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
    return kind is str or kind is bool or value is None


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
    except orjson.JSONDecodeError:
        body = NOT_JSON
    if is_canonical(body, depth=1):
        return {"data": body}
    return {"data_base64": base64.b64encode(data).decode()}
