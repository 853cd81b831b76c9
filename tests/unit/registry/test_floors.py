"""The rules of version floors: each contradiction has its place and its code."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.registry.floors.model import Floor, cleared, faults_in

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = Floor("4.2.0", "4.0.0", "4.2.0", ("4.1.3",), NOW, "please update", None, "allow")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"enforce": "4.2.0"},
        {"advise": None, "enforce": None, "latest": None},
        {"advise": None},
        {"block": ()},
    ],
)
def test_a_floor_that_clients_can_reach_is_taken(change: dict[str, str]) -> None:
    assert faults_in(replace(GOOD, **change)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"enforce": "4.2.1", "advise": None}, "/enforce", "above_latest"),
        ({"enforce": "5.0.0-beta.1", "advise": None}, "/enforce", "above_latest"),
        ({"advise": "4.3.0"}, "/advise", "above_latest"),
        ({"advise": "3.9.0"}, "/advise", "below_enforce"),
        ({"latest": None}, "/latest", "missing"),
        ({"block": ("4.2.0+build.7",)}, "/block", "blocks_latest"),
        ({"advise": None, "enforce": None, "block": ()}, "/", "empty"),
        ({"enforce": "four"}, "/enforce", "not_a_version"),
        ({"block": ("4.1.3", "4.1")}, "/block/1", "not_a_version"),
    ],
)
def test_a_floor_that_nobody_could_stand_on_is_refused(
    change: dict[str, str], pointer: str, code: str
) -> None:
    faults = faults_in(replace(GOOD, **change))  # type: ignore[arg-type]
    assert [(fault["pointer"], fault["code"]) for fault in faults] == [(pointer, code)]
    assert faults[0]["detail"]


def test_a_cleared_floor_is_told_as_nothing() -> None:
    assert cleared(NOW).told() is None
    assert GOOD.told() == {
        "advise": "4.2.0",
        "enforce": "4.0.0",
        "latest": "4.2.0",
        "block": ["4.1.3"],
        "effective_at": "2026-03-01T00:00:00+00:00",
        "message": "please update",
        "url": None,
        "unknown": "allow",
    }
