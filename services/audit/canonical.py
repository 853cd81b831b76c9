"""The exact bytes of an audit leaf: RFC 8785 (JCS), restricted so that a fast encoder gives the same bytes.

Allowed are objects with ASCII keys, arrays, strings, booleans, null and integers below 2^53 in magnitude. Within these
limits `orjson` with sorted keys is byte-equal to RFC 8785; a test holds it against another implementation.
"""

import base64
from typing import Any

import orjson

LARGEST_INTEGER = 2**53 - 1


class NotCanonical(ValueError):
    """The value lies outside the restriction; the message names the place as a JSON pointer."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of `value`. Raises NotCanonical."""
    check(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def check(value: Any, pointer: str = "") -> None:
    """Raise NotCanonical for the first part of `value` that has no canonical form here."""
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical(f"{pointer or '/'}: the key {key!r} is not an ASCII string")
            check(part, f"{pointer}/{key}")
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            check(part, f"{pointer}/{place}")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonical(f"{pointer or '/'}: {value} does not fit into 53 bits")
    elif not isinstance(value, str):
        raise NotCanonical(f"{pointer or '/'}: {type(value).__name__} has no canonical form")


def embed(data: bytes) -> dict[str, Any]:
    """An event's body for a leaf: as JSON where that is canonical, else its bytes in base64. Nothing is refused."""
    try:
        body = orjson.loads(data)
        check(body)
    except (orjson.JSONDecodeError, NotCanonical, RecursionError):
        return {"data_base64": base64.b64encode(data).decode()}
    return {"data": body}
