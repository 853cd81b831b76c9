"""A key-value bucket of JetStream: read whole, written by compare-and-set, heard as it is written.

The library's own watch is an ordered consumer: it hangs when the server comes back without the stream, and a bucket that
begins anew looks to it like silence. Here a listener subscribes to the bucket's subjects, which the client does again on
every connection, and reads the whole bucket behind it: nothing on the server must survive.
"""

from dataclasses import dataclass
from typing import Any

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg

from chassis import direct
from chassis.bus import Bus, BusUnavailable

AT_ONCE = 500
ANSWER_SECONDS = 5.0
WRONG_LAST_SEQUENCE = 10071
OPERATION = "KV-Operation"
REMOVED = ("DEL", "PURGE")


class Overtaken(BusUnavailable):
    """The key is not as it was when it was read; read it again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The last word on a key. `data` is None where it says that the key was removed."""

    revision: int
    data: bytes | None


class Bucket:
    """`stream` is `KV_<name>`, one message per key; keys are the subjects behind `prefix`."""

    def __init__(self, bus: Bus, stream: str, prefix: str) -> None:
        self.bus = bus
        self.prefix = prefix
        self._stream = stream

    async def read(self) -> dict[str, Entry]:
        """Every key, markers of removed ones included. Raises BusUnavailable.

        Goes through the stream by sequence: a key that is written meanwhile moves ahead of the reader and is met there.
        """
        found: dict[str, Entry] = {}
        after, pending = 0, 1
        while pending:
            page, pending = await direct.page(self.bus, self._stream, f"{self.prefix}>", after + 1, AT_ONCE)
            for message in page:
                headers: dict[str, Any] = message.headers or {}
                after = int(headers["Nats-Sequence"])
                found[headers["Nats-Subject"].removeprefix(self.prefix)] = Entry(after, data_of(message))
            pending = pending if page else 0
        return found

    async def put(self, key: str, data: bytes, revision: int) -> int:
        """Write if the key's last word is still `revision` (0: none yet); the new revision.

        Raises Overtaken, or BusUnavailable, after which it may have been written or not.
        """
        return await self._write(key, data, {}, revision)

    async def remove(self, key: str, revision: int) -> int:
        """Leave a marker that tells listeners to forget the key. Raises as `put`."""
        return await self._write(key, b"", {OPERATION: REMOVED[0]}, revision)

    def heard(self, message: Msg) -> tuple[str, bytes | None]:
        """(key, data) of a message that was heard; None for a removed key."""
        return message.subject.removeprefix(self.prefix), data_of(message)

    async def _write(self, key: str, data: bytes, headers: dict[str, str], revision: int) -> int:
        if not self.bus.is_connected:
            raise BusUnavailable("the bus is not connected")
        expected = {**headers, "Nats-Expected-Last-Subject-Sequence": str(revision)}
        try:
            stored = await self.bus.js.publish(
                f"{self.prefix}{key}", data, ANSWER_SECONDS, stream=self._stream, headers=expected
            )
        except nats.js.errors.APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise Overtaken(f"{key}: no longer at revision {revision}") from error
            raise BusUnavailable(f"{key}: {error!r}") from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusUnavailable(f"{key}: {error!r}") from error
        return int(stored.seq)


def data_of(message: Msg) -> bytes | None:
    is_removed = (message.headers or {}).get(OPERATION) in REMOVED
    return None if is_removed else bytes(message.data)
