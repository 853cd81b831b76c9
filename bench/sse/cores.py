"""What is whose: one core for the server under test, two for the load generator, the rest for all else; open files."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

ALL = sorted(os.sched_getaffinity(0))
ARE_ENOUGH = len(ALL) >= 4
SERVER = ALL[-1:] if ARE_ENOUGH else ALL
GENERATOR = ALL[-3:-1] if ARE_ENOUGH else ALL[:2]
OTHERS = ALL[:-3] if ARE_ENOUGH else ALL


@contextmanager
def on(cores: list[int]) -> Iterator[None]:
    """What is started meanwhile stays on these cores."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def allow_files(count: int) -> None:
    """So many for this process and all that it starts. Raises SystemExit where the machine does not allow them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, most), max(count, most)))
    except (ValueError, PermissionError):
        raise SystemExit(
            f"bench.sse: {count:,} open files are needed, `ulimit -Hn` allows {most:,}; choose fewer --connections"
        ) from None
