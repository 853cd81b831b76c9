"""Frames between a consumer and its intake processes: what goes in comes out, and what is cut off is no frame."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from chassis.intake_wire import deliveries_of, frame, read_frame, request
from chassis.pull import Delivery

DELIVERIES = st.lists(
    st.builds(
        Delivery,
        st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))),
        st.binary(max_size=200),
        st.text(st.characters(codec="utf-8")),
    ),
    max_size=20,
)


def reader_of(sent: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(sent)
    reader.feed_eof()
    return reader


@given(DELIVERIES, st.booleans())
async def test_deliveries_come_out_as_they_went_in(deliveries: list[Delivery], replayed: bool) -> None:
    reader = reader_of(request(7, "REGISTRY", deliveries, replayed=replayed) + frame({"number": 8}))
    found = await read_frame(reader)
    assert found is not None
    head, bodies = found
    assert (head["number"], head["stream"], head["replayed"]) == (7, "REGISTRY", replayed)
    assert deliveries_of(head, bodies) == deliveries
    assert await read_frame(reader) == ({"number": 8}, b"")
    assert await read_frame(reader) is None


async def test_a_frame_that_was_cut_off_anywhere_is_none() -> None:
    whole = request(1, "BFF", [Delivery({"ce-id": "1"}, b"body", "reply")], replayed=False)
    for size in range(len(whole)):
        assert await read_frame(reader_of(whole[:size])) is None
    assert await read_frame(reader_of(whole)) is not None
