"""How an app version stands to the version floor of its platform. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from chassis.semver import NoVersion, Version
from contracts.platforms import OS_OF

CHANNEL = "stable"
"""Sessions do not say theirs yet."""

Standing = Literal["good", "advisory", "blocked"]


@lru_cache(maxsize=1_000)
def app_of(os: str, version: str) -> tuple[str, str]:
    """(platform, version), one object for all who are alike; the platform is empty where the words name none."""
    found = (name for name, form in OS_OF.items() if re.search(form, os, re.IGNORECASE))
    return next(found, ""), version


def standing(floor: Mapping[str, Any], version: str, now: datetime) -> Standing:
    """Below `enforce`, or named in `block`: blocked from `effective_at` on, advised before; below `advise`: advised.

    What is no version cannot be compared: `unknown` says what it is worth.
    """
    is_in_force = now >= datetime.fromisoformat(floor["effective_at"])
    try:
        mine = Version.parse(version)
    except NoVersion:
        return "blocked" if floor["unknown"] == "block" and is_in_force else "good"
    enforce, advise = floor["enforce"], floor["advise"]
    if mine in {Version.parse(text) for text in floor["block"]} or (
        enforce and mine < Version.parse(enforce)
    ):
        return "blocked" if is_in_force else "advisory"
    return "advisory" if advise and mine < Version.parse(advise) else "good"
