"""Two Python peers, each as its own documentation shows it: a queue per connection, the payload serialised once.

`python -m bench.sse.asgi sse_starlette|fastapi PORT`, on uvicorn with uvloop and httptools. `GET /stream`, `POST /publish`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import fastapi.sse
import sse_starlette
import uvicorn
from fastapi import FastAPI, Request, Response

from bench.sse.event import ID, TYPE

queues: set[asyncio.Queue[Any]] = set()


async def taken() -> AsyncIterator[Any]:
    """What is said from now on."""
    queue: asyncio.Queue[Any] = asyncio.Queue()
    queues.add(queue)
    try:
        while True:
            yield await queue.get()
    finally:
        queues.discard(queue)


def with_sse_starlette(app: FastAPI) -> None:
    @app.get("/stream")
    async def stream() -> sse_starlette.EventSourceResponse:
        return sse_starlette.EventSourceResponse(taken(), ping=3600, sep="\n")

    @app.post("/publish")
    async def say(request: Request) -> Response:
        event = sse_starlette.ServerSentEvent(data=(await request.body()).decode(), event=TYPE, id=ID)
        for queue in queues:
            queue.put_nowait(event)
        return Response(status_code=202)


def with_fastapi(app: FastAPI) -> None:
    @app.get("/stream", response_class=fastapi.sse.EventSourceResponse)
    async def stream() -> AsyncIterator[fastapi.sse.ServerSentEvent]:
        async for event in taken():
            yield event

    @app.post("/publish")
    async def say(request: Request) -> Response:
        event = fastapi.sse.ServerSentEvent(raw_data=(await request.body()).decode(), event=TYPE, id=ID)
        for queue in queues:
            queue.put_nowait(event)
        return Response(status_code=202)


if __name__ == "__main__":
    kind, port = sys.argv[1], int(sys.argv[2])
    app = FastAPI()
    {"sse_starlette": with_sse_starlette, "fastapi": with_fastapi}[kind](app)
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="critical", access_log=False,
        backlog=4096, lifespan="off", ws="none", timeout_keep_alive=3600,
    )  # fmt: skip
