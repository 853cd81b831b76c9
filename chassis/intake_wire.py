"""What a consumer and its intake processes say to each other over a socket pair: frames of a JSON head and raw bodies."""

import struct
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import orjson

from chassis.pull import Delivery

LENGTHS = struct.Struct("!II")


def frame(head: Any, bodies: Sequence[bytes] = ()) -> bytes:
    """Length of the head, length of all bodies (4 bytes each, network order), the head, the bodies one after another."""
    told = orjson.dumps(head)
    return b"".join((LENGTHS.pack(len(told), sum(map(len, bodies))), told, *bodies))


async def read_frame(reader: StreamReader) -> tuple[Any, bytes] | None:
    """The next head with its bodies as one; None where the other side has ended, be it within a frame."""
    try:
        head, bodies = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        return orjson.loads(await reader.readexactly(head)), await reader.readexactly(bodies)
    except (IncompleteReadError, ConnectionError):
        return None


def request(number: int, stream: str, deliveries: Sequence[Delivery], *, replayed: bool) -> bytes:
    """Deliveries of a stream, to be answered under `number`."""
    told = [(one.headers, one.reply, len(one.data)) for one in deliveries]
    head = {"number": number, "stream": stream, "replayed": replayed, "deliveries": told}
    return frame(head, [one.data for one in deliveries])


def deliveries_of(head: Any, bodies: bytes) -> list[Delivery]:
    """What `request` was made of."""
    places = pairwise(accumulate((size for _, _, size in head["deliveries"]), initial=0))
    return [
        Delivery(headers, bodies[start:end], reply)
        for (headers, reply, _), (start, end) in zip(head["deliveries"], places, strict=True)
    ]
