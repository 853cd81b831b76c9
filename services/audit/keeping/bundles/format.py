"""The bytes of a bundle: one zstd frame (RFC 8878) per tile of 256 leaves, one after the other. Pure.

A frame holds, after the length of the first part (4 bytes, big-endian): the entries as C2SP tlog-tiles bundles them (each
after its length in 2 bytes), their leaf hashes (32 bytes each: the tile of level 0), and the records' columns as JSON.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from backports import zstd

from services.audit.log.merkle import HASH_BYTES, TILE_WIDTH

OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 10,
    zstd.CompressionParameter.checksum_flag: 1,
}
MOST_LEAVES = 256 * TILE_WIDTH
"""Of one bundle: so that one file is written and looked at in little time."""
MOST_FRAME_BYTES = 64 << 20
"""Of one frame when it is unpacked: 256 entries of at most 65,535 bytes and their columns; more is not ours."""
TIMES = ("received_at", "happened_at")
BYTES = frozenset({"entry", "leaf_hash"})


class FrameDamaged(ValueError):
    """The bytes are no frame of a bundle."""


def frame_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The frame of these records, in the order of the log."""
    entries = b"".join(struct.pack(">H", len(row["entry"])) + row["entry"] for row in rows)
    hashes = b"".join(row["leaf_hash"] for row in rows)
    columns = [{name: value for name, value in row.items() if name not in BYTES} for row in rows]
    told = orjson.dumps(columns, default=str)
    return zstd.compress(struct.pack(">I", len(entries)) + entries + hashes + told, options=OPTIONS)


def rows_of(frame: bytes) -> list[dict[str, Any]]:
    """The records of a frame, as `frame_of` was given them. Raises FrameDamaged."""
    try:
        unpacked = zstd.ZstdDecompressor()
        data = unpacked.decompress(frame, MOST_FRAME_BYTES)
        if not unpacked.eof:
            raise FrameDamaged("the frame is not whole, or too large")
        (length,) = struct.unpack_from(">I", data)
        entries = list(split(data[4 : 4 + length]))
        end = 4 + length + HASH_BYTES * len(entries)
        hashes = data[4 + length : end]
        columns = orjson.loads(data[end:])
        return [
            {
                **kept,
                **{name: datetime.fromisoformat(kept[name]) for name in TIMES},
                "record_id": UUID(kept["record_id"]),
                "entry": entry,
                "leaf_hash": hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES],
            }
            for number, (entry, kept) in enumerate(zip(entries, columns, strict=True))
        ]
    except (zstd.ZstdError, EOFError, struct.error, ValueError, KeyError, TypeError) as error:
        raise FrameDamaged(f"the frame cannot be read: {error!r}") from error


def split(bundle: bytes) -> Iterator[bytes]:
    """The entries of a bundle of C2SP tlog-tiles."""
    place = 0
    while place < len(bundle):
        (length,) = struct.unpack_from(">H", bundle, place)
        place += 2 + length
        if place > len(bundle):
            raise FrameDamaged("an entry ends after its bundle")
        yield bundle[place - length : place]
