"""Runs every benchmark, one after another: `python -m bench [--quick]`."""

import subprocess
import sys

BENCHMARKS = ("outbox", "inbox", "registry", "dpop", "sse", "audit")

if __name__ == "__main__":
    for name in BENCHMARKS:
        subprocess.run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], check=True)
