"""Fetching from Debian: once, whole or not at all, and a refusal that says why."""

from pathlib import Path

import pytest

from scripts import debian

FETCHES = """#!/bin/sh
for option in "$@"; do case "$option" in Dir::Cache::archives=*) touch "${option#*=}/made-up.deb";; esac; done
"""
UNPACKS = """#!/bin/sh
mkdir -p "$3/usr/bin" && touch "$3/usr/bin/made-up"
"""
FAILS = """#!/bin/sh
echo "E: no such package" >&2
exit 100
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands before all others on the path; the cache is the test's own."""
    monkeypatch.setattr(debian, "CACHE", tmp_path / "cache")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def provide(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def test_what_was_fetched_is_not_fetched_again(programs: Path) -> None:
    provide(programs, "apt-get", FETCHES)
    provide(programs, "dpkg-deb", UNPACKS)
    root = debian.unpacked("made-up")
    assert (root / "usr/bin/made-up").exists()
    provide(programs, "apt-get", FAILS)
    assert debian.unpacked("made-up") == root


def test_a_fetch_that_fails_is_told_and_tried_anew(programs: Path) -> None:
    provide(programs, "apt-get", FETCHES)
    provide(programs, "dpkg-deb", FAILS)
    with pytest.raises(debian.NotToBeHad, match="E: no such package"):
        debian.unpacked("made-up")
    provide(programs, "dpkg-deb", UNPACKS)
    assert debian.unpacked("made-up").is_dir()


def test_a_machine_without_apt_is_told_apart(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(debian.NotToBeHad, match="no apt-get here"):
        debian.unpacked("made-up")
