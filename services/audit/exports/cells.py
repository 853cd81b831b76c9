"""Cells of a CSV file (RFC 4180) that no spreadsheet executes. Pure."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

EXECUTED = "=+-@−"
"""A cell that begins with one of these is a formula (CWE-1236); full-width and small forms are folded to them first."""
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/-]*")
"""Most cells by far: numbers, times, ids, types of events."""
PIECES = re.compile(r"([;,|\t\r\n]+)")
"""A spreadsheet of another locale splits at other characters, and then each piece is a cell."""


def cell(value: Any) -> str:
    """`value` as text, an apostrophe before all that a spreadsheet would execute. The exact value is in `audit.jsonl`.

    Nothing is an empty cell, truth is `true` or `false`.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\0", "\ufffd")
    if not text or PLAIN.fullmatch(text):
        return text
    parts = PIECES.split(text)
    safe = "".join(part if is_separator else guarded(part) for part, is_separator in pairs(parts))
    return f"'{safe}" if text[0] in "\t\r" else safe


def guarded(piece: str) -> str:
    return f"'{piece}" if is_executed(piece) else piece


def is_executed(piece: str) -> bool:
    """Whether the first character that shows is one of EXECUTED, in whatever width."""
    for character in piece:
        if character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Zs"}:
            continue
        return unicodedata.normalize("NFKC", character)[0] in EXECUTED
    return False


def pairs(parts: Sequence[str]) -> Iterable[tuple[str, bool]]:
    """(part, is a separator): `re.split` puts every second one for what it split at."""
    return ((part, place % 2 == 1) for place, part in enumerate(parts))


def write_rows(file: TextIO, rows: Iterable[Sequence[Any]]) -> None:
    """Append rows; `file` is open with `newline=""`, so that lines end in CR LF as RFC 4180 has it."""
    csv.writer(file).writerows([cell(value) for value in row] for row in rows)
