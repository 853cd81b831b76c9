"""An open stream's side of its connection, and the hub's sink: a protocol that only writes."""

import asyncio

from services.bff.hub import Hub, Stream


class Line(asyncio.Protocol):
    """Of the request nothing is left. Whoever goes while the stream is being opened ends its opening."""

    __slots__ = ("_hub", "_opening", "_stream", "_transport")
    _transport: asyncio.Transport

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._opening: asyncio.Task[None] | None = None
        self._stream: Stream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a connection's transport writes
        # Low water at nothing: a parked reader goes on when all was taken.
        self._transport.set_write_buffer_limits(high=self._hub.unsent_bytes, low=0)

    def ends(self, opening: "asyncio.Task[None] | None") -> None:
        """From here on the opening ends when the caller goes. Raises ConnectionResetError where it has gone."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._opening = opening

    def carry(self, stream: Stream) -> None:
        """From here on the transport's news are the stream's."""
        self._stream, self._opening = stream, None

    def resume_writing(self) -> None:
        if self._stream is not None:
            self._hub.drained(self._stream, asyncio.get_running_loop().time())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._stream is not None:
            self._hub.detach(self._stream)
        elif self._opening is not None:
            self._opening.cancel()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    def finish(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
