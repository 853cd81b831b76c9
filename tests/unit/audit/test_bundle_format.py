"""Frames of sealed bundles: what was put in comes out, and what was changed is refused."""

from datetime import UTC, datetime

import pytest

from chassis.ids import uuid7
from services.audit.keeping.bundles.format import FrameDamaged, frame_of, rows_of, split
from services.audit.keeping.bundles.sealing import bounds_of, pieces_of

AT = datetime(2024, 3, 1, 12, 0, 0, 123456, UTC)


def row(index: int) -> dict[str, object]:
    return {
        "leaf_index": index,
        "record_id": uuid7(),
        "received_at": AT,
        "happened_at": AT,
        "action": "something.done",
        "is_failure": index % 2 == 0,
        "product": None,
        "entry": b'{"n":%d}' % index,
        "leaf_hash": bytes([index]) * 32,
    }


def test_a_frame_gives_its_records_back() -> None:
    rows = [row(index) for index in range(7)]
    assert rows_of(frame_of(rows)) == rows


def test_a_changed_frame_is_refused_or_differs() -> None:
    rows = [row(index) for index in range(7)]
    frame = frame_of(rows)
    for place in range(len(frame)):
        changed = bytearray(frame)
        changed[place] ^= 0x41
        try:
            assert rows_of(bytes(changed)) != rows, place
        except FrameDamaged:
            continue


def test_a_cut_frame_is_refused() -> None:
    frame = frame_of([row(0)])
    for length in range(len(frame)):
        with pytest.raises(FrameDamaged):
            rows_of(frame[:length])


def test_entries_are_bundled_as_tlog_tiles_has_it() -> None:
    assert list(split(b"\x00\x03abc\x00\x00\x00\x01d")) == [b"abc", b"", b"d"]


def test_pieces_end_at_whole_tiles() -> None:
    month = AT.date().replace(day=1)
    pieces = pieces_of(uuid7(), month, 100, 65_536 * 2 + 7)
    assert [(piece.first, piece.end) for piece in pieces] == [
        (100, 65_536),
        (65_536, 131_072),
        (131_072, 131_079),
    ]


def test_a_month_ends_where_the_next_one_begins() -> None:
    december = AT.date().replace(month=12, day=1)
    assert bounds_of(december) == (datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
