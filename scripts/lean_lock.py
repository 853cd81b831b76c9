"""What npm writes into `package-lock.json` beside names, versions and hashes: addresses. `make lock` takes them out."""

import json
import sys
from pathlib import Path

ADDRESSES = ("funding", "resolved")


def lean(lock: str) -> str:
    """The text of a `package-lock.json` as npm writes it, without where packages come from and who pays for them."""
    document = json.loads(lock)
    for package in document["packages"].values():
        for name in ADDRESSES:
            package.pop(name, None)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        path.write_text(lean(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
