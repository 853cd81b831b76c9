"""One delivered message on its way through the inbox: its identity, its place in its source's numbering, its failure."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from chassis.ids import is_uuid7, uuid7_day
from chassis.pull import Delivery
from contracts.envelope import Envelope, MalformedEnvelope, Message
from contracts.subjects import STREAMS, service_of
from contracts.values import value

UNREADABLE_DAY = date(1970, 1, 1)
MAX_SEQUENCE = 2**63 - 2


@value
class Position:
    """Where the source's relay put the event: its number in the numbering called `epoch`."""

    source: str
    epoch: str
    sequence: int


@value
class Incoming:
    """`message` is None when the envelope cannot be read; `refusal` says why."""

    delivery: Delivery
    event_id: uuid.UUID
    event_day: date
    position: Position | None
    message: Message | None
    refusal: MalformedEnvelope | None = None

    @property
    def type(self) -> str:
        return self.message.envelope.type if self.message else ""

    @property
    def source(self) -> str:
        return self.message.envelope.source if self.message else ""


def read(delivery: Delivery, stream: str) -> Incoming:
    """Never raises. The day comes out of the event's own UUIDv7, so that uniqueness holds across partitions."""
    position = read_position(delivery.headers, stream)
    try:
        envelope = Envelope.from_headers(delivery.headers)
        if not is_uuid7(envelope.id):
            raise MalformedEnvelope(f"ce-id: {envelope.id} is not a UUIDv7")
        if position is None:
            raise MalformedEnvelope(
                f"ce-source, ce-sourceepoch or ce-sequence: no place in the numbering of {stream}"
            )
    except ValueError as error:
        refusal = error if isinstance(error, MalformedEnvelope) else MalformedEnvelope(str(error))
        return Incoming(delivery, _identity_of_bytes(delivery), UNREADABLE_DAY, position, None, refusal)
    message = Message(envelope, delivery.data)
    return Incoming(delivery, envelope.id, uuid7_day(envelope.id), position, message)


def read_position(headers: Mapping[str, str], stream: str) -> Position | None:
    """Read apart from the envelope, so that an unreadable message still counts as received and is not asked for again.

    None for a source that does not own the stream: nobody writes into the numbering of another.
    """
    source, epoch = headers.get("ce-source"), headers.get("ce-sourceepoch")
    digits = headers.get("ce-sequence", "")
    if not source or not epoch or not epoch.isprintable() or _stream_of(source) != stream:
        return None
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 20:
        return None
    sequence = int(digits)
    return Position(source, epoch, sequence) if 0 < sequence <= MAX_SEQUENCE else None


def seen_ranges(positions: Iterable[Position]) -> dict[tuple[str, str], str]:
    """Per (source, epoch) the text of an int8multirange that covers every number received."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for position in positions:
        numbers.setdefault((position.source, position.epoch), []).append(position.sequence)
    return {key: _multirange(sorted(values)) for key, values in sorted(numbers.items())}


@lru_cache(maxsize=64)
def _stream_of(source: str) -> str | None:
    try:
        return STREAMS[service_of(source)]
    except ValueError:
        return None


def _multirange(numbers: list[int]) -> str:
    ranges: list[str] = []
    first = last = numbers[0]
    for number in numbers[1:]:
        if number > last + 1:
            ranges.append(f"[{first},{last + 1})")
            first = number
        last = number
    ranges.append(f"[{first},{last + 1})")
    return "{" + ",".join(ranges) + "}"


def _identity_of_bytes(delivery: Delivery) -> uuid.UUID:
    """The same unreadable message, delivered again or replayed, is the same dead letter."""
    digest = hashlib.sha256(delivery.data)
    for name in sorted(delivery.headers):
        if name.startswith("ce-"):
            digest.update(f"\n{name}:{delivery.headers[name]}".encode())
    return uuid.UUID(bytes=digest.digest()[:16], version=5)
