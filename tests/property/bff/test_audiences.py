"""Names of audiences: whoever works at one property must not hear of another that is only spelt alike."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from chassis.ids import uuid7
from contracts.subjects import feed_subject
from services.bff.audiences import token

NAMES = st.text(max_size=200) | st.text("ab_0123 h", max_size=12)


@given(one=NAMES, other=NAMES)
@example("a b", "a_20_b")
@example("", "_h_e3b0c44298fc1c149afbf4c8996fb92427ae41e4")
def test_two_names_never_share_an_audience(one: str, other: str) -> None:
    assert (token(one) == token(other)) == (one == other)


@given(name=NAMES)
@example("館" * 200)
def test_every_name_makes_a_subject_that_the_feed_takes(name: str) -> None:
    subject = feed_subject(uuid7(), f"p.{token(name)}")
    assert re.fullmatch(r"[a-z_]+(\.[A-Za-z0-9_-]+)+", subject)
    assert len(subject) <= 200
