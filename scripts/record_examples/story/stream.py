"""The desktop follows its stream while it works."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
from httpx_sse import EventSource, ServerSentEvent

from contracts.http_examples import Exchange
from desktop.door import wants_nonce
from scripts.record_examples.cast import Cast
from scripts.record_examples.recorder import PATIENCE_SECONDS, StoryError

STREAM = "GET /bff/backoffice/v1/sse/stream"


async def follow(cast: Cast, url: str, work: Callable[[], Awaitable[None]]) -> None:
    """Keep the stream's first frame and the first news of `work`."""
    desktop = cast.desktop
    for _ in range(2):  # the second time with the nonce
        headers = {**await desktop.door.headers("GET", url), "Accept": "text/event-stream"}
        async with desktop.http.stream("GET", url, headers=headers) as answer:
            desktop.proofs.learn(url, answer.headers)
            if answer.is_success:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    text = await frames(answer, work)
                cast.recorder.keep(
                    "bff", STREAM, Exchange(200, response=text, media_type="text/event-stream")
                )
                return
            await answer.aread()
            if not wants_nonce(answer):
                break
    raise StoryError(f"{STREAM}: {answer.status_code} {answer.text[:500]}")


async def frames(answer: httpx.Response, work: Callable[[], Awaitable[None]]) -> str:
    kept = ""
    async for event in EventSource(answer).aiter_sse():
        if event.event == "hello":
            kept = frame(event)
            await work()
        elif event.data and json.loads(event.data).get("type") == "sync.record.changed.v1":
            return kept + frame(event)
    raise StoryError("the stream ended before the news came")


def frame(event: ServerSentEvent) -> str:
    return f"event: {event.event}\ndata: {event.data}\nid: {event.id}\n\n"
