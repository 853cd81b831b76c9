"""How a version stands to a floor, case by case; and which platform a device's words mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.bff.versions import app_of, standing

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FLOOR: dict[str, Any] = {
    "advise": "4.2.0",
    "enforce": "4.0.0",
    "block": ["4.1.3"],
    "effective_at": NOW.isoformat(),
    "unknown": "block",
}


@pytest.mark.parametrize(
    ("version", "before", "after"),
    [
        ("4.2.0", "good", "good"),
        ("4.10.0", "good", "good"),
        ("4.1.9", "advisory", "advisory"),
        ("4.1.3", "advisory", "blocked"),
        ("4.0.0", "advisory", "advisory"),
        ("4.0.0-rc.1", "advisory", "blocked"),
        ("3.9.9", "advisory", "blocked"),
        ("yesterday's", "good", "blocked"),
    ],
)
def test_a_version_stands_to_a_floor_as_its_rules_say(version: str, before: str, after: str) -> None:
    """Nobody is blocked before the floor is in force."""
    assert standing(FLOOR, version, NOW - timedelta(seconds=1)) == before
    assert standing(FLOOR, version, NOW) == after


def test_a_floor_of_blocked_versions_alone_meets_nobody_else() -> None:
    floor = {**FLOOR, "advise": None, "enforce": None, "unknown": "allow"}
    assert [standing(floor, version, NOW) for version in ("0.1.0", "4.1.3", "?")] == [
        "good",
        "blocked",
        "good",
    ]


@pytest.mark.parametrize(
    ("os", "platform"),
    [
        ("Windows 11", "windows"),
        ("Ubuntu 24.04", "linux"),
        ("macOS 15", "macos"),
        ("Darwin", "macos"),
        ("DOS", ""),
    ],
)
def test_a_system_is_known_by_its_name(os: str, platform: str) -> None:
    assert app_of(os, "1.0.0") == (platform, "1.0.0")
