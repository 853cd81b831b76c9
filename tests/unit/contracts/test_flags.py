"""The declared flags: their own defaults fit, wrong values are told what would be right."""

import re
from pathlib import Path

import pytest

from contracts.flags import DECLARED, FLAGS, UNREAD, Flag, effective
from contracts.settings import Setting, UnreadableSetting

CHECKOUT = Path(__file__).parents[3]
GUIDE = CHECKOUT / "docs" / "guides" / "operators-day.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def readers_of(flag: Flag) -> list[str]:
    """The services that name the flag in their code; the bff tells desktops every feature, without naming it."""
    folders = [folder for folder in (CHECKOUT / "services").iterdir() if folder.is_dir()]
    found = {folder.name for folder in folders if any(f'"{flag.name}"' in text for text in sources(folder))}
    return sorted(found | {"bff"} if flag.is_feature else found)


def sources(folder: Path) -> list[str]:
    return [file.read_text("utf-8") for file in folder.rglob("*.py")]


@pytest.mark.parametrize("flag", DECLARED, ids=lambda flag: flag.name)
def test_a_flag_that_nobody_reads_says_so_and_one_that_is_read_does_not(flag: Flag) -> None:
    assert flag.about.endswith(UNREAD) is (not readers_of(flag)), f"read by {readers_of(flag)}: {flag.about}"


def test_the_operators_guide_names_the_readers_of_every_flag() -> None:
    told = {name: (readers, effect) for name, readers, effect in ROW.findall(GUIDE.read_text("utf-8"))}
    readers = {flag.name: readers_of(flag) for flag in DECLARED}
    assert {name: said for name, (said, _) in told.items()} == {
        name: ", ".join(found) or "nobody yet" for name, found in readers.items()
    }
    assert [name for name, found in readers.items() if not found] == [
        name for name in readers if told[name][1] == "none"
    ]


@pytest.mark.parametrize("flag", DECLARED, ids=lambda flag: flag.name)
def test_the_default_of_a_flag_is_a_value_that_it_takes(flag: Flag) -> None:
    assert flag.fault_in(flag.default) is None
    assert flag.blocks_when is None or flag.fault_in(flag.blocks_when) is None
    assert flag.about.endswith(".")


def test_names_are_declared_once() -> None:
    assert len(FLAGS) == len(DECLARED)


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("ai_assist_enabled", "true", "send true or false"),
        ("ai_assist_enabled", 1, "send true or false"),
        ("ai_assist_enabled", None, "send true or false"),
        ("mfa_scope_threshold", True, "from 0 to 3"),
        ("mfa_scope_threshold", 4, "from 0 to 3"),
        ("mfa_scope_threshold", -1, "from 0 to 3"),
        ("mfa_scope_threshold", 1.0, "from 0 to 3"),
        ("theme_bundle", 5, "no string of the form"),
        ("theme_bundle", "Über", "no string of the form"),
        ("theme_bundle", "", "no string of the form"),
        ("theme_bundle", ["x"], "no string of the form"),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(name: str, value: object, cure: str) -> None:
    fault = FLAGS[name].fault_in(value)
    assert fault is not None
    assert cure in fault


def test_the_nearest_value_is_in_force_even_where_it_is_false_or_nothing_much() -> None:
    flag = FLAGS["mfa_scope_threshold"]
    assert effective(flag, (0, 3)) == 0
    assert effective(flag, (None, 3)) == 3
    assert effective(flag, (None, None)) == 2


def test_a_setting_is_read_as_it_was_written_and_nothing_else_is_read() -> None:
    setting = Setting(row_version=7, value={"advise": "1.0.0"})
    assert Setting.read(setting.data()) == setting
    for broken in (b"", b"{}", b"[]", b'{"row_version": "7", "value": 1}', b"\xff"):
        with pytest.raises(UnreadableSetting):
            Setting.read(broken)
