"""What every benchmark ends with: a table of medians and ranges, and one JSON line for scripts."""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


def arguments(
    description: str | None, more: Callable[[argparse.ArgumentParser], object] = lambda _: None
) -> argparse.Namespace:
    """`--quick` ends within a minute, `--json FILE` also writes the last line there; `more` adds a benchmark's own."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    more(parser)
    return parser.parse_args()


def stolen_seconds() -> float:
    """Seconds of all cores in which they could have run and another guest did (`steal` of proc_stat(5)); 0 elsewhere."""
    try:
        fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


@dataclass
class Report:
    """Collects the rounds of one benchmark."""

    name: str
    chosen: argparse.Namespace
    rounds: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    _began: tuple[float, float] = field(default_factory=lambda: (time.monotonic(), stolen_seconds()))

    def add(self, figure: str, value: float) -> None:
        """One round of one figure."""
        self.rounds.setdefault(figure, []).append(value)

    def ratio(self, name: str, ours: str, limit: str) -> None:
        """The median of `ours` as a part of the median of `limit`."""
        self.ratios[name] = round(self._median(ours) / self._median(limit), 4)

    def finish(self) -> None:
        """Print the table, then the JSON line."""
        table = Table("figure", "median", "lowest", "highest", "rounds", title=f"bench.{self.name}")
        for figure, values in self.rounds.items():
            shown = [f"{value:,.1f}" for value in (self._median(figure), min(values), max(values))]
            table.add_row(figure, *shown, str(len(values)))
        for name, value in self.ratios.items():
            table.add_row(name, f"{value:.3f}", "", "", "")
        Console().print(table)
        figures = {figure: round(self._median(figure), 3) for figure in self.rounds}
        machine = self._machine()
        line = json.dumps({"bench": self.name, "figures": figures, "ratios": self.ratios, "machine": machine})
        if self.chosen.json is not None:
            self.chosen.json.write_text(line + "\n", "utf-8")
        print(line)

    def _machine(self) -> dict[str, float | str]:
        """What the figures were taken on, and how much of it others had meanwhile."""
        at, stolen = self._began
        return {
            "cores": os.cpu_count() or 0,
            "stolen_cores": round((stolen_seconds() - stolen) / (time.monotonic() - at), 2),
            "python": f"{platform.python_version()} {platform.python_compiler()}",
        }

    def _median(self, figure: str) -> float:
        return statistics.median(self.rounds[figure])
