"""The declared flags: their own defaults fit, wrong values are told what would be right."""

import pytest

from contracts.flags import DECLARED, FLAGS, Flag, effective
from contracts.settings import Setting, UnreadableSetting


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
