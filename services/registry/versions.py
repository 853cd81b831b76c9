"""Versions of what the bucket carries: the time of the change, so that the newer wins even after rows were lost."""

from datetime import datetime


def newest_of(now: datetime) -> int:
    """Microseconds since 1970; a row takes this, or one more than it had if that is more."""
    return round(now.timestamp() * 1_000_000)
