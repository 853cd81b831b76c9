"""The canonical bytes against another implementation of RFC 8785, and the borders of the restriction."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from services.audit.log.canonical import LARGEST_INTEGER, NotCanonical, canonical, embed

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
ascii_keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(ascii_keys, inner), max_leaves=20
)


@given(values)
def test_the_bytes_equal_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [({"a": 1.5}, "/a"), ({"a": [2**53]}, "/a/0"), ({"é": 1}, "/"), ({"a": {"b": b"x"}}, "/a/b")],
)
def test_what_lies_outside_is_refused_by_place(value: Any, place: str) -> None:
    with pytest.raises(NotCanonical, match=f"^{place}"):
        canonical(value)


def test_a_body_that_has_no_canonical_form_is_kept_as_bytes() -> None:
    assert embed(b'{"price": 1.5}') == {"data_base64": "eyJwcmljZSI6IDEuNX0="}
    assert embed(b"\xff") == {"data_base64": "/w=="}
    assert embed(b'{"a":1}') == {"data": {"a": 1}}
