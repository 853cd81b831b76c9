"""What the stream's listener writes before frames: heads and refusals, ready as far as they are the same for all.

Who is turned away because too many come costs little more than the bytes: then it matters most.
"""

import random
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from fastapi import Response

from chassis import problems

STREAM_HEADERS = (
    b"Content-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-store, no-transform\r\n"
    b"X-Accel-Buffering: no\r\n"
    b"Connection: close\r\n"
)
OURS = frozenset({"connection", "dpop-nonce", "retry-after"})
"""Headers of an answer that are written here."""
TURNED_AWAY_SECONDS = 10


def stream_head(nonce: str) -> bytes:
    """Of a stream that is opened."""
    return b"HTTP/1.1 200 OK\r\n%b%bDPoP-Nonce: %b\r\n\r\n" % (_date(), STREAM_HEADERS, nonce.encode())


def refusal(answer: Response, nonce: str, retry_after: str | None = None) -> bytes:
    """The whole answer, after which the connection closes; `retry_after` instead of the answer's own."""
    line, rest = _parts(answer)
    wait = retry_after or answer.headers.get("retry-after")
    return _joined(line, rest, bytes(answer.body), nonce, wait)


def turned_away(language: str, nonce: str) -> bytes:
    """An honest no to one of too many, with a time to come back that is spread."""
    wait = random.randint(1, TURNED_AWAY_SECONDS)  # noqa: S311  # spreads reconnects
    return _joined(*_overloaded(language), nonce, str(wait))


def _joined(line: bytes, rest: bytes, body: bytes, nonce: str, wait: str | None) -> bytes:
    said = b"" if wait is None else b"Retry-After: %b\r\n" % wait.encode()
    return b"%b%b%b%bConnection: close\r\nDPoP-Nonce: %b\r\n\r\n%b" % (
        line, _date(), rest, said, nonce.encode(), body,
    )  # fmt: skip


@lru_cache(maxsize=8)
def _overloaded(language: str) -> tuple[bytes, bytes, bytes]:
    answer = problems.overloaded(language)
    return (*_parts(answer), bytes(answer.body))


def _parts(answer: Response) -> tuple[bytes, bytes]:
    """Status line, and those headers that are the answer's own."""
    status = HTTPStatus(answer.status_code)
    lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items() if name.lower() not in OURS]
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode(), "".join(lines).encode("latin-1")


def _date() -> bytes:
    return _date_at(int(time.time()))


@lru_cache(maxsize=2)
def _date_at(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
