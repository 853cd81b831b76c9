"""The pure parts of an export: filter, link, proof of a range."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import uuid7
from services.audit.exports.content import file_name
from services.audit.exports.errors import LinkExpired, LinkInvalid
from services.audit.exports.links import Links
from services.audit.exports.model import Wanted
from services.audit.exports.proving import parts_beside
from services.audit.exports.wording import WORDS, count
from services.audit.log import merkle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = {"action": "a.b.c", "product": None, "actor_id": "me", "target_id": "it", "is_failure": False}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(action="a.b.c"), True),
        (Wanted(action="a.b"), False),
        (Wanted(action="a.b*"), True),
        (Wanted(product="platform"), True),
        (Wanted(product="notetaker"), False),
        (Wanted(actor_id="me", target_id="it"), True),
        (Wanted(actor_id="me", target_id="another"), False),
        (Wanted(is_failure=False), True),
        (Wanted(is_failure=True), False),
    ],
)
def test_a_filter_keeps_what_fits_in_every_part(wanted: Wanted, fits: bool) -> None:
    assert wanted.fits(RECORD) is fits


def test_a_link_is_good_for_its_export_until_it_expires() -> None:
    links, tenant, export = Links(b"secret", "https://audit.example"), uuid7(), uuid7()
    link = links.to(tenant, export, NOW)
    token = link.removeprefix("https://audit.example/v1/audit/exports/")
    assert links.read(token, NOW - timedelta(seconds=1)) == (tenant, export)
    with pytest.raises(LinkExpired):
        links.read(token, NOW)
    with pytest.raises(LinkInvalid):
        Links(b"another", "").read(token, NOW)
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises((LinkInvalid, LinkExpired)):
            links.read(changed, NOW - timedelta(seconds=1))


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "Ünïcode", "a" * 61, "a/b", "CON.", "-x"])
def test_a_product_cannot_choose_a_file(name: str) -> None:
    assert file_name(name) == f"product-{sha256(name.encode()).hexdigest()[:16]}"


def test_every_word_is_there_in_both_languages_with_the_same_places() -> None:
    for name, (english, french) in WORDS.items():
        assert english, name
        assert french, name
        places = [sorted(part.split("}")[0] for part in text.split("{")[1:]) for text in (english, french)]
        assert places[0] == places[1], name


def test_numbers_have_the_separators_of_the_language() -> None:
    assert (count(1234567, "en"), count(1234567, "fr")) == ("1,234,567", "1\u00a0234\u00a0567")


@given(st.integers(1, 600), st.data())
def test_the_parts_beside_a_range_and_its_leaves_make_the_root(size: int, data: st.DataObject) -> None:
    """Computed by the recursion of RFC 6962 §2.1 over leaves and parts alone."""
    first = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(first + 1, size))
    leaves = [sha256(bytes([n % 256, n // 256])).digest() for n in range(size)]

    def root(start: int, stop: int) -> bytes:
        if stop - start == 1:
            return leaves[start]
        middle = start + (1 << ((stop - start - 1).bit_length() - 1))
        return merkle.node_hash(root(start, middle), root(middle, stop))

    parts = parts_beside(first, end, 0, size)
    assert sorted(parts) == parts
    assert sum(stop - start for start, stop in parts) == size - (end - first)
    hashes = iter([root(*part) for part in parts])

    def rebuilt(start: int, stop: int) -> bytes:
        if stop <= first or start >= end:
            return next(hashes)
        if stop - start == 1:
            return leaves[start]
        middle = start + (1 << ((stop - start - 1).bit_length() - 1))
        left = rebuilt(start, middle)
        return merkle.node_hash(left, rebuilt(middle, stop))

    assert rebuilt(0, size) == root(0, size)
    assert len(parts) <= 2 * size.bit_length()
