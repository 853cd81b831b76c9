"""Builds FerretDB 1.24 from its Go module: a server that speaks MongoDB's protocol, for `make test-mongo`.

`python -m scripts.ferretdb` prints where it is; what was built once is kept in `.cache`. The module is built in a copy of
its own folder, whose `go.sum` pins everything that it needs.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

MODULE, VERSION = "github.com/FerretDB/FerretDB", "v1.24.0"
SUM = "h1:7WJmezL48Bj9bYWnhT/bEJgX5gjT5s7LFdHTqkN25rA="
CACHE = Path(__file__).parents[1] / ".cache" / "ferretdb"
BUILD_SECONDS = 1_800


def built() -> Path:
    """The program. Raises FileNotFoundError where there is no `go`, and RuntimeError where it cannot be built."""
    program = CACHE / VERSION / "ferretdb"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise FileNotFoundError("there is no `go` on PATH")
    CACHE.mkdir(parents=True, exist_ok=True)
    told = json.loads(run([go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], CACHE))
    if told["Sum"] != SUM:
        raise RuntimeError(f"{MODULE}@{VERSION} is {told['Sum']}, not {SUM}")
    source = CACHE / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(told["Dir"], source)
    for path in (source, *source.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (source / "build" / "version" / "version.txt").write_text(f"{VERSION}\n")
    program.parent.mkdir(exist_ok=True)
    making = program.with_suffix(".new")
    run([go, "build", "-mod=mod", "-o", str(making), "./cmd/ferretdb"], source)
    making.rename(program)
    shutil.rmtree(source)
    return program


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(  # noqa: S603  # every argument is ours
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.stdout.write(f"{built()}\n")
