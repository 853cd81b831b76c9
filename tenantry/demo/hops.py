"""One trace, followed through the span files of all processes as they are written."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span; times in seconds since 1970."""

    service: str
    name: str
    span_id: str
    parent_id: str | None
    start: float
    end: float


@dataclass
class TraceFollower:
    """Reads `<folder>/*.jsonl` for the spans of one trace; each span is seen once."""

    folder: Path
    trace_id: str
    spans: list[Span] = field(default_factory=list)
    _offsets: dict[Path, int] = field(default_factory=dict)

    def skip_old(self) -> None:
        """Only what is written from now on can belong to a trace that has not begun."""
        self._offsets = {path: path.stat().st_size for path in self.folder.glob("*.jsonl")}

    def read_new(self) -> list[Span]:
        fresh: list[Span] = []
        for path in sorted(self.folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                whole, newline, _ = file.read().rpartition(b"\n")
            self._offsets[path] = self._offsets.get(path, 0) + len(whole) + len(newline)
            rows = (json.loads(line) for line in whole.splitlines() if line)
            fresh.extend(span_of(row) for row in rows if row["trace_id"] == self.trace_id)
        fresh.sort(key=lambda span: span.end)
        self.spans.extend(fresh)
        return fresh

    async def follow(self) -> AsyncIterator[Span]:
        """Spans as they are written, until the caller stops."""
        while True:
            for span in self.read_new():
                yield span
            await asyncio.sleep(0.02)

    def orphans(self, root_parent: str) -> list[Span]:
        """Spans whose parent is neither another span of the trace nor the caller's own `root_parent`."""
        known = {span.span_id for span in self.spans} | {root_parent}
        return [span for span in self.spans if span.parent_id not in known]


def span_of(row: dict[str, Any]) -> Span:
    return Span(
        row["service"],
        row["name"],
        row["span_id"],
        row.get("parent_id"),
        float(row["start"]),
        float(row["end"]),
    )
