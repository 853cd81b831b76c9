"""Every relative link and anchor in the Markdown files leads somewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.*)$", re.MULTILINE)


def anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def dead_links(page: Path) -> Iterator[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        goal = (page.parent / name).resolve() if name else page.resolve()
        if not goal.exists():
            yield f"{page}: {target}: no such file"
        elif fragment and goal.suffix == ".md":
            anchors = {anchor(h) for h in HEADING.findall(goal.read_text(encoding="utf-8"))}
            if fragment not in anchors:
                yield f"{page}: {target}: no such heading"


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],  # noqa: S607  # git from PATH
        capture_output=True,
        text=True,
        check=True,
    )
    pages = [Path(name) for name in listed.stdout.split() if Path(name).exists()]
    dead = [fault for page in pages for fault in dead_links(page)]
    for fault in dead:
        sys.stderr.write(f"doc links: {fault}\n")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
