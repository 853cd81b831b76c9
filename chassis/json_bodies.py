"""What a JSON body may be before anybody reads it: valid, not deep, and storable. FastAPI's own parser is more generous."""

import re

import orjson

DEEPEST = 32
# A string, closed or not: always matches at a quote, so that no body makes the search quadratic.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?(?:"|\Z)', re.DOTALL)
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
AS_SQUARE = bytes.maketrans(b"{}", b"[]")
NOT_SQUARE = bytes(set(range(256)) - set(b"[]"))


def fault_in(body: bytes) -> tuple[str, str] | None:
    """(code, what is wrong), or None for a body that may go on."""
    if is_deeper(body, DEEPEST):
        return "json_too_deep", f"nested deeper than {DEEPEST} levels"
    try:
        orjson.loads(body)  # refuses NaN, Infinity, lone surrogates and what is not UTF-8
    except orjson.JSONDecodeError as error:
        return "json_invalid", f"not valid JSON: {error}"
    if NUL.search(body):
        return "json_nul", "a string holds the character NUL, which cannot be stored"
    return None


def is_deeper(body: bytes, levels: int) -> bool:
    """Whether arrays and objects nest deeper than `levels`; never recursive, never slower than linear per level."""
    if body.count(b"[") + body.count(b"{") <= levels:
        return False
    brackets = STRING.sub(b"", body).translate(AS_SQUARE).translate(None, NOT_SQUARE)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    # What is left is deeper, or never closed: then the parser refuses it, unless it would go too deep first.
    return b"[]" in brackets or brackets.count(b"[") > levels
