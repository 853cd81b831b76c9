"""A TCP line that delivers requests and loses answers: the caller cannot know whether it was heard."""

import asyncio
import contextlib
from urllib.parse import urlsplit


class LossyLine:
    """Forwards to `url`; of the requests that begin with `start` the first `losses` answers are lost."""

    def __init__(self, url: str, start: bytes, losses: int) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._start = start
        self.losses = losses
        self.url = ""
        self._is_lossy = False
        self._lines: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._server.close()
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except BaseException:
            writer.transport.abort()
            raise
        asking = asyncio.create_task(self._ask(reader, far_writer))
        try:
            with contextlib.suppress(OSError):
                while data := await far_reader.read(65_536):
                    if self._is_lossy and self.losses > 0:
                        self.losses -= 1
                        break
                    writer.write(data)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            far_writer.transport.abort()
            writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if data.startswith((b"GET ", b"POST ")):
                self._is_lossy = data.startswith(self._start)
            far_writer.write(data)
        far_writer.close()
