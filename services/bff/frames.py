"""Bytes of the event stream (WHATWG HTML §9.2): the id comes last, so that it counts only with a whole event."""

from dataclasses import dataclass

import orjson

PADDING = b": " + b" " * 2048 + b"\n"
"""Fills the first buffer of a proxy that would otherwise hold the stream back."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a client stands: an epoch of the feed and a sequence of its stream."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for what is no cursor."""
        epoch, dash, seq = text.rpartition("-")
        if not dash or not epoch.isalnum() or not seq.isascii() or not seq.isdecimal() or len(seq) > 18:
            return None
        return cls(epoch, int(seq))


def event_frame(type_: str, data: bytes, cursor: Cursor) -> bytes:
    """A stored event; `data` is one line of JSON."""
    return b"event: %b\ndata: %b\nid: %b\n\n" % (type_.encode(), data, str(cursor).encode())


def data_of(frame: bytes) -> bytes:
    """The JSON of a stored event."""
    return frame[frame.index(b"\ndata: ") + 7 : frame.rindex(b"\nid: ")]


def control_frame(type_: str, data: dict[str, object], cursor: Cursor | None = None) -> bytes:
    """A control event; with a cursor it also moves the client forward."""
    tail = b"id: %b\n\n" % str(cursor).encode() if cursor else b"\n"
    return b"event: %b\ndata: %b\n%b" % (type_.encode(), orjson.dumps(data), tail)


def retry_frame(milliseconds: int) -> bytes:
    return b"retry: %d\n\n" % milliseconds
