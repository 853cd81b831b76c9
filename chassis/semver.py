"""Semantic versions (semver.org 2.0.0), strictly: what is not one cannot be compared."""

import re
from dataclasses import dataclass
from functools import total_ordering

NUMBER = r"(?:0|[1-9]\d{0,8})"
IDENTIFIER = r"(?:0|[1-9]\d{0,8}|\d*[A-Za-z-][0-9A-Za-z-]*)"
FORM = re.compile(
    rf"({NUMBER})\.({NUMBER})\.({NUMBER})(?:-({IDENTIFIER}(?:\.{IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
LONGEST = 64


class NoVersion(ValueError):
    """The text is no semantic version; the message says so."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """Ordered by precedence (§11); what was built from it (`+…`) does not count."""

    release: tuple[int, int, int]
    before: tuple[str, ...]
    """Identifiers of a pre-release; empty for a release."""

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Raises NoVersion."""
        found = FORM.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            raise NoVersion(f"{text[:LONGEST]!r} is no semantic version such as 4.12.0 or 5.0.0-beta.1")
        major, minor, patch, before = found.groups()
        return cls((int(major), int(minor), int(patch)), tuple(before.split(".")) if before else ())

    def __lt__(self, other: "Version") -> bool:
        return self._rank() < other._rank()

    def _rank(self) -> tuple[object, ...]:
        """A release comes after its pre-releases; numbers come before words, and fewer identifiers before more."""
        words = tuple((0, int(word), "") if word.isdecimal() else (1, 0, word) for word in self.before)
        return self.release, not self.before, words
