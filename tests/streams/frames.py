"""What the bff writes, one frame of each kind by its own encoder, and what any client must make of it.

The only file of these checks that imports the bff.
"""

from dataclasses import dataclass

import orjson

from services.bff.frames import PADDING, Cursor, control_frame, event_frame, retry_frame

Told = tuple[str, str, str]
"""Type, data and last event id, as a listener of an EventSource is given them."""
RETRY_MS = 10
LARGEST = 64 * 1024
FEED_TYPES = ("sync.record.changed.v1", "registry.tenant.activated.v1")
CONTROL_TYPES = (
    "hello", "hb", "reset", "resync", "bye", "session.expiring", "session.revoked", "version.advisory",
    "version.blocked", "tenant.disabled", "sync.paused", "sync.resumed",
)  # fmt: skip
TYPES = (*FEED_TYPES, *CONTROL_TYPES)
TRICKY = 'é 館 🛎 a\u2028b\u2029c\u0085d\u00a0 \\ " \u0000 \n\r\n\t id: 9 \ufeff data: x'
"""Signs that some reader or other takes for an end of line, a field or nothing; JSON escapes those that SSE minds."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes, and what is told of them; nothing of those that carry no event."""

    bytes: bytes
    told: tuple[str, str] | None = None
    id: str | None = None


def event(type_: str, body: object, seq: int) -> Frame:
    data, cursor = orjson.dumps(body), Cursor("19b0c1d2e3f", seq)
    return Frame(event_frame(type_, data, cursor), (type_, data.decode()), str(cursor))


def control(type_: str, body: dict[str, object], seq: int | None = None) -> Frame:
    cursor = None if seq is None else Cursor("19b0c1d2e3f", seq)
    told = (type_, orjson.dumps(body).decode())
    return Frame(control_frame(type_, body, cursor), told, None if cursor is None else str(cursor))


def short() -> list[Frame]:
    """One of each kind, little enough to be cut at every byte."""
    return [
        Frame(retry_frame(RETRY_MS)),
        control("hello", {"conn": "1", "last": {"all": 0}}, 7),
        event("sync.record.changed.v1", {"seq": 1, "name": TRICKY}, 9),
        control("hb", {"head": 12}, 12),
        control("version.advisory", {"text": "Mise à jour"}),
        event("registry.tenant.activated.v1", {"seq": 2}, 13),
        control("bye", {"reason": "renew"}),
    ]


def full() -> list[Frame]:
    """Every kind that there is, the padding and an event of the largest size included."""
    large = event("sync.record.changed.v1", {"seq": 3, "x": "館" * ((LARGEST - 200) // 3)}, 14)
    controls = [control(name, {"reason": name}) for name in CONTROL_TYPES if name not in {"hello", "hb"}]
    return [Frame(retry_frame(RETRY_MS)), Frame(PADDING), *short()[1:-1], large, *controls]


def joined(frames: list[Frame]) -> bytes:
    return b"".join(frame.bytes for frame in frames)


def told(frames: list[Frame], until: int | None = None) -> tuple[list[Told], str]:
    """What a client has been told after `until` bytes, and the id that it asks for next."""
    found: list[Told] = []
    id_, place = "", 0
    for frame in frames:
        place += len(frame.bytes)
        if until is not None and place > until:
            break
        if frame.id is not None:
            id_ = frame.id
        if frame.told is not None:
            found.append((*frame.told, id_))
    return found, id_


def read(raw: bytes) -> list[Told]:
    """What was written on a real connection, by the strictest reading: only what the bff may write, else AssertionError."""
    found: list[Told] = []
    id_ = ""
    *blocks, _unfinished = raw.split(b"\n\n")
    for block in blocks:
        lines = [line for line in block.decode().split("\n") if not line.startswith(": ")]
        fields = dict(line.split(": ", 1) for line in lines)
        assert "\r" not in fields.values()
        if list(fields) == ["retry"]:
            assert fields["retry"].isdecimal()
            continue
        assert list(fields) in (["event", "data", "id"], ["event", "data"]), block
        assert len(lines) == len(fields)
        id_ = fields.get("id", id_)
        found.append((fields["event"], fields["data"], id_))
    return found
