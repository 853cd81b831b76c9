"""A load generator that costs little: keep-alive connections, each with one request in flight."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Load:
    """Sends the same requests round and round until the time is over."""

    requests: list[bytes]
    ends_at: float
    milliseconds: list[float] = field(default_factory=list)
    next_request: int = 0

    def take(self) -> bytes:
        found = self.requests[self.next_request]
        self.next_request = (self.next_request + 1) % len(self.requests)
        return found


class Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, asks again. Anything but 200 ends the run."""

    def __init__(self, load: Load, done: asyncio.Future[None]) -> None:
        self._load = load
        self._done = done
        self._buffer = b""
        self._asked_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(END_OF_HEAD)
        if not found or len(body) < length_of(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(AssertionError(self._buffer[:500].decode()))
            return
        self._load.milliseconds.append((time.perf_counter() - self._asked_at) * 1000)
        self._buffer = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        if self._asked_at >= self._load.ends_at:
            self._end(None)
        elif self._transport is not None:
            self._transport.write(self._load.take())

    def _end(self, error: Exception | None) -> None:
        if not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)
        if self._transport is not None:
            self._transport.close()


def length_of(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def drive(port: int, requests: list[bytes], seconds: float, connections: int) -> list[float]:
    """Milliseconds of every answer."""
    loop = asyncio.get_running_loop()
    load = Load(requests, time.perf_counter() + seconds)
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Connection(load, end), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    return load.milliseconds


def request_of(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """One request; a body is JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
