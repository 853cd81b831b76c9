"""Paths of tiles, and entry bundles (C2SP tlog-tiles). Pure."""

import re
from collections.abc import Sequence

from services.audit.log.merkle import TILE_WIDTH

LEVEL = re.compile(r"0|[1-9][0-9]?")
NUMBER = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
HIGHEST_LEVEL = 63


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length as a big-endian uint16."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def level_of(text: str) -> int | None:
    """`<L>` of a path; None where it is none."""
    return int(text) if LEVEL.fullmatch(text) and int(text) <= HIGHEST_LEVEL else None


def place_of(text: str) -> tuple[int, int] | None:
    """`<N>[.p/<W>]` of a path as (number, width); None where it is none."""
    match = NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, width = match[1].replace("x", "").replace("/", ""), int(match[2] or TILE_WIDTH)
    number = int(digits)
    if path_of(number) != match[1] or (match[2] and width >= TILE_WIDTH):
        return None
    return number, width


def path_of(number: int) -> str:
    """`<N>` of a path: three digits to an element, all but the last marked with an x."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups))
