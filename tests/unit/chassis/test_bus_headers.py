"""Our header parser says the same as the library's, whatever the bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from chassis.bus import LeanClient

LINES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.builds(
            lambda name, value: name.encode() + b":" + value.encode(),
            st.text(max_size=12),
            st.text(max_size=12),
        ),
    ),
    max_size=8,
)


@given(LINES)
@example(
    [
        b"ce-id: 1",
        b"ce-id: 2",
        b"",
        b":",
        b" a :\t b ",
        b"two words: x",
        b"caf\xc3\xa9: x",
        b"x: \xff",
        b"none",
    ]
)
def test_headers_are_read_as_the_library_reads_them(lines: list[bytes]) -> None:
    raw = b"\r\n".join(lines) + b"\r\n\r\n"
    assert LeanClient._parse_header_lines(raw) == Client._parse_header_lines(raw)


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"a: b"])
def test_short_blocks_are_read_too(raw: bytes) -> None:
    assert LeanClient._parse_header_lines(raw) == Client._parse_header_lines(raw)
