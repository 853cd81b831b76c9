"""The head of one HTTP request, as far as the stream's listener looks at it. No I/O."""

from typing import Any
from urllib.parse import parse_qs

import httptools

from chassis import problems
from services.bff.api import STREAM_PATH
from services.bff.bounds import MAX_HEADERS

READ = {name.encode(): name for name in ("authorization", "dpop", "last-event-id", "accept-language")}
"""All that is kept of a request's head."""
FOR_A_STREAM = f"GET {STREAM_PATH}".encode()
END = b"\r\n\r\n"
LANGUAGE = b"\naccept-language:"


class NotARequest(Exception):
    """What came is no head of a request that is taken here."""


class TooLarge(NotARequest):
    """It did not end where it should have."""


class RequestHead:
    """Fed with what comes, until it is whole."""

    __slots__ = ("_headers", "_parser", "_size", "is_whole", "method", "url")

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        self._headers: dict[str, list[str]] = {}
        self._size = 0
        self.url = b""
        self.method = b""
        self.is_whole = False

    def feed(self, data: bytes) -> None:
        """Raises NotARequest, TooLarge; nothing is to be fed after either, or once it is whole."""
        self._size += len(data)
        if self._size > MAX_HEADERS:
            raise TooLarge("The request's head is too large.")
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NotARequest(f"Not a request that is taken here: {error}") from error
        if self.is_whole:
            self.method = self._parser.get_method()
            self._parser = None  # it holds this object, which would stay until a collection

    def on_message_begin(self) -> None:
        if self.is_whole:  # its headers would be taken for those of the first one
            raise ValueError("one request per connection")

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        known = READ.get(name.lower())
        if known is not None:
            self._headers.setdefault(known, []).append(value.decode("latin-1"))

    def on_message_complete(self) -> None:
        self.is_whole = True

    def header(self, name: str) -> str:
        return self._headers.get(name, [""])[0]

    def headers(self, name: str) -> list[str]:
        return self._headers.get(name, [])

    @property
    def language(self) -> str:
        return problems.language_of(self.header("accept-language"))

    @property
    def is_for_a_stream(self) -> bool:
        return self.url.startswith(STREAM_PATH.encode())


def asks_for_a_stream(data: bytes) -> bool:
    """Whether this is the whole head of a request for the stream, at a glance: before it is worth a parser."""
    return data.startswith(FOR_A_STREAM) and data.endswith(END)


def language_in(data: bytes) -> str:
    """As `RequestHead.language`, for who is turned away at a glance."""
    place = data.lower().find(LANGUAGE)
    if place < 0:
        return "en"
    value = data[place + len(LANGUAGE) : data.index(b"\r\n", place + 1)]
    return problems.language_of(value.decode("latin-1"))


def address_of(url: bytes) -> tuple[str, dict[str, list[str]]]:
    """Path and query; the path is empty where the target of the request has none (`*`, a host)."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return "", {}
    query = (parsed.query or b"").decode("latin-1")
    return (parsed.path or b"").decode("latin-1"), parse_qs(query) if query else {}
