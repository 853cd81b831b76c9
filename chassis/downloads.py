"""Large files as answers: as long as bytes flow a download may last, beyond the time limit of a request."""

import asyncio
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

IDLE_SECONDS = 30.0
"""Who takes nothing for so long is cut off."""
LIMIT = "tenantry.request_limit"
"""The key of a scope under which the request frame keeps the `asyncio.Timeout` of the request."""


class Download(FileResponse):
    """A file with ranges (RFC 9110 §14), so that a download that broke goes on where it was."""

    def __init__(self, path: Path, name: str, media_type: str) -> None:
        super().__init__(path, filename=name, media_type=media_type, headers={"Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit: Any = scope.get(LIMIT)
        if limit is not None:
            limit.reschedule(None)

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(IDLE_SECONDS):
                await send(message)

        await super().__call__(scope, receive, in_time)
