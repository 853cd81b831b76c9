"""The customer's own system: a small HTTP server that keeps what the notifier delivers."""

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass, field
from typing import Self

import uvicorn
from fastapi import FastAPI, Request, Response


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came in."""

    at: float
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Listens on a free loopback port while used as an async context manager."""

    deliveries: list[Delivery] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(self._app(), log_level="error", ws="none", lifespan="off")
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="webhook-receiver")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/tenantry"

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/hooks/tenantry")
        async def take(request: Request) -> Response:
            self.deliveries.append(Delivery(time.time(), dict(request.headers), await request.body()))
            self.arrived.set()
            return Response(status_code=204)

        return app
