"""A TCP line to PostgreSQL that a test can cut and mend: the database of one service goes down, nobody else's."""

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit

from chassis.db import Database
from tests.infra import ServiceDsns


class CutLine:
    """Listens on a port of its own and forwards to PostgreSQL; `database` leads through it. An async context manager."""

    def __init__(self, service: str, dsns: ServiceDsns) -> None:
        self._service = service
        self._dsns = dsns
        parts = urlsplit(dsns.database_url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.mend()
        urls = (self._dsns.database_url, self._dsns.worker_database_url)
        self.database = Database(self._service, *map(self._through, urls))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()
        await self.database.close()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse new connections and reset those that stand, in the middle of whatever they do."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def _through(self, dsn: str) -> str:
        host = urlsplit(dsn).netloc.rpartition("@")[2]
        return dsn.replace(f"@{host}/", f"@127.0.0.1:{self._port}/")

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, OSError):
                return
            raise
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}
            for each in (writer, far_writer):
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
