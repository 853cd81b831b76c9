"""Keys: every one that is issued passes, every change of a single character is refused without asking anybody."""

import re
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.api_keys.format import (
    ALPHABET,
    CHECK_CHARACTERS,
    PATTERN,
    checksum,
    is_well_formed,
    new_key,
)

BODIES = st.text(ALPHABET, min_size=32, max_size=32)
KEYS = st.builds(
    lambda mode, body: f"tk_{mode}_{body}" + checksum(f"tk_{mode}_{body}"),
    st.sampled_from(["live", "test"]),
    BODIES,
)
CHARACTERS = string.printable + "éßЖ中\u0660\u0000\ufeff"


@given(st.sampled_from(["live", "test"]))
def test_a_new_key_passes(mode: str) -> None:
    key = new_key(mode)  # type: ignore[arg-type]  # one of the two
    assert is_well_formed(key)
    assert re.fullmatch(rf"tk_{mode}_[0-9A-Za-z]{{38}}", key)


@settings(deadline=None)
@given(KEYS)
def test_every_change_of_one_character_is_refused(key: str) -> None:
    assert is_well_formed(key)
    for place, was in enumerate(key):
        for character in CHARACTERS:
            if character != was:
                assert not is_well_formed(key[:place] + character + key[place + 1 :])


@given(KEYS, st.data())
def test_what_is_missing_added_or_swapped_is_refused(key: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key) - 2))
    assert not is_well_formed(key[:place] + key[place + 1 :])
    added = data.draw(st.sampled_from(CHARACTERS))
    assert not is_well_formed(key[:place] + added + key[place:])
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_well_formed(swapped) == (swapped == key)


@given(st.text(max_size=60))
def test_nothing_else_passes_by_chance_or_breaks_the_check(text: str) -> None:
    assert is_well_formed(text) == (
        PATTERN.fullmatch(text) is not None and checksum(text[:-CHECK_CHARACTERS]) == text[-CHECK_CHARACTERS:]
    )


@given(st.text())
def test_the_checksum_has_always_six_characters(text: str) -> None:
    assert re.fullmatch(r"[0-9A-Za-z]{6}", checksum(text))


def test_two_keys_are_never_the_same() -> None:
    keys = {new_key("live") for _ in range(10_000)}
    assert len(keys) == 10_000
    assert {character for key in keys for character in key[8:40]} == set(ALPHABET)


def test_the_published_form_does_not_change() -> None:
    """Keys of today must pass for ever."""
    body = "tk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV"
    assert checksum(body) == "2cCqD6"
