"""When two addresses are the same."""

import pytest

from chassis.web_addresses import normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Example.COM/a", "https://example.com/a"),
        ("HTTPS://example.com/a", "https://example.com:443/a"),
        ("http://example.com:80", "http://example.com/"),
        ("https://example.com/a?b=c#d", "https://example.com/a"),
        ("https://example.com/%7Ea", "https://example.com/~a"),
        ("https://example.com/a%2fb", "https://example.com/a%2Fb"),
        ("https://[::1]:443/a", "https://[::1]/a"),
    ],
)
def test_spelling_makes_no_difference(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a%2Fb", "https://example.com/a/b"),
        ("https://example.com/A", "https://example.com/a"),
        ("https://example.com/a/", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com/a"),
        ("http://example.com:443/a", "https://example.com/a"),
    ],
)
def test_other_places_stay_apart(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize(
    "address",
    ["", "/a", "ftp://example.com/", "https:///a", "https://me@example.com/", "https://example.com:x/", "https://[/",
     "https://example.com/a b", "https://example.com/\ta", "https://exämple.com/", "https://example.com\\@evil.com/"],
)  # fmt: skip
def test_what_is_no_plain_address_equals_nothing(address: str) -> None:
    assert normalised(address) == ""
