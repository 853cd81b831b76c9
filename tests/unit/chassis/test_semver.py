"""Semantic versions: the order of the specification, and no guess about what is none."""

import itertools

import pytest

from chassis.semver import NoVersion, Version

ASCENDING = [
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.10",
    "1.2.0",
    "10.0.0",
]


def test_versions_are_ordered_as_the_specification_says() -> None:
    for lower, higher in itertools.combinations(ASCENDING, 2):
        assert Version.parse(lower) < Version.parse(higher), (lower, higher)
        assert not Version.parse(higher) < Version.parse(lower)


def test_what_was_built_from_a_version_does_not_count() -> None:
    assert Version.parse("1.2.3+linux.5") == Version.parse("1.2.3")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "v1.2.3",
        "1.2.3.4",
        "01.2.3",
        "1.2.3-",
        "1.2.3-01",
        "1.2.3+",
        " 1.2.3",
        "1.2.3\n",
        "١.2.3",
        "1." * 40,
    ],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(NoVersion):
        Version.parse(text)
