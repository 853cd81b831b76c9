"""A change names the version it was made for."""

import pytest
from fastapi import Request

from chassis.etags import PreconditionRequired, Stale, etag_of, require_match


def asked(*lines: str) -> Request:
    return Request({"type": "http", "headers": [(b"if-match", line.encode()) for line in lines]})


@pytest.mark.parametrize("lines", [('"7"',), ('"6", "7"',), ('"6"', '"7"'), (' "7" ',)])
def test_the_present_version_matches(lines: tuple[str, ...]) -> None:
    require_match(asked(*lines), 7)


@pytest.mark.parametrize("lines", [(), ("",), ("*",), ('"7", *',)])
def test_a_change_without_a_version_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(PreconditionRequired) as refused:
        require_match(asked(*lines), 7)
    assert refused.value.status == 428


@pytest.mark.parametrize("line", ['"6"', "7", 'W/"7"', '"77"'])
def test_another_version_is_stale(line: str) -> None:
    with pytest.raises(Stale) as refused:
        require_match(asked(line), 7)
    assert refused.value.status == 412
    assert refused.value.headers == {"ETag": etag_of(7)}
