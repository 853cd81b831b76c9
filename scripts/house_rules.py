"""The rules of this house that no public linter knows, checked on the syntax tree of every Python file, and on lock files.

- nothing is published outside the outbox: only the bus family may call `publish` or `jetstream`;
- nothing commits outside `transaction()`: no `.commit()`, no `BEGIN`/`COMMIT` outside `chassis/db.py`;
- a request of the bff changes nothing but by `mutations.by(guest)`, which uses up its proof;
- the environment is read once, at the entry: `os.environ` only in settings, the command line and the embedded stack;
- no file is longer than 400 lines, no function longer than 60;
- a lock file carries names, versions and hashes, no addresses.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAY_PUBLISH = (
    "chassis/bucket.py",
    "chassis/bus.py",
    "chassis/direct.py",
    "chassis/publisher.py",
    "chassis/pull.py",
    "chassis/rpc.py",
    "tests/",
    "bench/",
)
MAY_IMPORT_NATS = (
    *MAY_PUBLISH,
    "chassis/news.py",
    "chassis/pushed.py",
    "chassis/watched.py",
    "tenantry/",
    "deploy/",
    "services/bff/feed_reader.py",
    "services/bff/past.py",
    "services/bff/evictions.py",
)
MAY_READ_ENVIRONMENT = ("chassis/settings.py", "tenantry/", "tests/", "bench/", "scripts/")
MUTATES_BY_PROOF = "services/bff/"
MAY_OPEN_TRANSACTIONS = (
    "services/bff/mutations.py",
    "services/bff/bootstrap/operations.py",  # learns what the registry says, whoever asked first
)
MAY_COMMIT = ("chassis/db.py", "chassis/migrate.py", "tenantry/issuer/", "desktop/", "tests/")
LOCK_FILES = ("requirements*.lock", "*package-lock.json")
LONGEST_FILE = 400
ONE_FILE = {"tenantry/log_verifier.py": 600}
"""Goes into every export as it is: whoever checks a log needs this file, Python, and nothing of ours."""
LONGEST_FUNCTION = 60


def files(*patterns: str) -> list[str]:
    listed = subprocess.run(  # noqa: S603  # the patterns are the ones of this file
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],  # noqa: S607  # git from PATH
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(path for path in set(listed.stdout.split()) if Path(path).exists())


def calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def imports(node: ast.AST, package: str) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == package for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package


def reads_environment(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def own_length(node: ast.AST) -> int:
    """Lines of a function without those of the functions inside it: a router is a list of small routes."""
    inner = [
        child
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return lines_of(node) - sum(lines_of(child) for child in inner)


def lines_of(node: ast.AST) -> int:
    return (getattr(node, "end_lineno", 0) or 0) - getattr(node, "lineno", 0) + 1


def faults_of_node(path: str, node: ast.AST) -> Iterator[str]:
    if calls(node, "publish") and not path.startswith(MAY_PUBLISH):
        yield "publishes outside the outbox; call outbox.add(tx, event)"
    if imports(node, "nats") and not path.startswith(MAY_IMPORT_NATS):
        yield "imports nats; go through chassis.bus"
    if calls(node, "commit") and not path.startswith(MAY_COMMIT):
        yield "commits outside transaction(); use `async with database.transaction(...)`"
    if (
        calls(node, "transaction")
        and path.startswith(MUTATES_BY_PROOF)
        and not path.startswith(MAY_OPEN_TRANSACTIONS)
    ):
        yield "opens a transaction that uses up no proof; use `async with mutations.by(guest)`"
    if reads_environment(node) and not path.startswith(MAY_READ_ENVIRONMENT):
        yield "reads the environment; add a field to the service's settings"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        length = own_length(node)
        if length > LONGEST_FUNCTION:
            yield f"{node.name} has {length} lines, more than {LONGEST_FUNCTION}; split it"


def faults_of(path: str) -> Iterator[str]:
    text = Path(path).read_text(encoding="utf-8")
    if (lines := text.count("\n")) > (longest := ONE_FILE.get(path, LONGEST_FILE)):
        yield f"{path}: {lines} lines, more than {longest}; split it by noun"
    for node in ast.walk(ast.parse(text, path)):
        for fault in faults_of_node(path, node):
            yield f"{path}:{getattr(node, 'lineno', 1)}: {fault}"


def addresses_in(path: str) -> Iterator[str]:
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if "://" in line:
            yield f"{path}:{number}: an address in a lock file; run `make lock`"


def main() -> int:
    faults = [
        *(fault for path in files("*.py") for fault in faults_of(path)),
        *(fault for path in files(*LOCK_FILES) for fault in addresses_in(path)),
    ]
    for fault in faults:
        sys.stderr.write(f"house rules: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
