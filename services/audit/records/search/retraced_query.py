"""Retraced's search text (`action:"a*" crud:c received:<from>,<to> actor.id:x …`) as a filter. Pure.

The words are those that Retraced's published client makes (`stringifyStructuredQuery`), and its server knows besides.
"""

import re
from datetime import UTC, datetime
from typing import Any

from services.audit.records.errors import QueryRefused
from services.audit.records.search.filters import Filter
from services.audit.records.search.reading import Asked

TERM = re.compile(
    r'(?P<key>[a-z_]+(?:\.[a-z]+)?):(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))|"(?P<phrase>[^"]*)"|(?P<word>\S+)'
)
COLUMNS = {"action": "action", "crud": "crud", "actor.id": "actor", "target.id": "target"}
TIMES = {"received": "received", "created": "happened"}
LONGEST = 2_000


def asked_of(text: str, project_id: str) -> Asked:
    """Raises QueryRefused for what is not understood: nothing is left out silently."""
    if len(text) > LONGEST:
        raise refused(f"a query is at most {LONGEST} characters")
    given: dict[str, Any] = {}
    words: list[str] = []
    name: str | None = None
    for term in TERM.finditer(text):
        key, value = term["key"], term["quoted"] if term["quoted"] is not None else term["bare"]
        if key is None:
            words.append(term["phrase"] if term["phrase"] is not None else term["word"])
        elif key == "description":
            words.append(value)
        elif key == "actor.name":
            name = value
        elif key in COLUMNS:
            given[COLUMNS[key]] = value
        elif key in TIMES:
            given |= times_of(TIMES[key], value)
        else:
            raise refused(f"{key}: is not searched here")
    if given.get("crud") not in {None, "c", "r", "u", "d"}:
        raise refused("crud: one of c, r, u, d")
    found = Filter(project_id=project_id, text=" ".join(words) or None, **given)
    return Asked(found, name=name)


def times_of(column: str, value: str) -> dict[str, datetime]:
    """`<from>,<to>`, either may be missing."""
    begin, comma, end = value.partition(",")
    if not comma:
        raise refused("a range of time has a comma: <from>,<to>")
    return {f"{column}_{side}": time_of(text) for side, text in (("from", begin), ("to", end)) if text}


def time_of(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refused(f"{text[:40]!r} is no time in ISO 8601") from error


def refused(detail: str) -> QueryRefused:
    return QueryRefused(
        detail, errors=[{"pointer": "/variables/query", "code": "query_refused", "detail": detail}]
    )
