"""Which core is whose: one for the server under test, two for the load generator, the rest for everything else."""

import os
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
