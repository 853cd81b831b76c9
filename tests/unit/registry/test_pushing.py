"""How long a push that failed waits."""

import pytest

from services.registry.pushing import LONGEST_WAIT, wait_after


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 2), (8, 256), (9, 300), (2_000_000_000, 300)])
def test_the_wait_grows_and_ends_growing(failures: int, seconds: int) -> None:
    assert wait_after(failures).total_seconds() == seconds
    assert wait_after(failures) <= LONGEST_WAIT
