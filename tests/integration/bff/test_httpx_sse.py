"""The stream as `httpx-sse` reads it, which the desktop client stands on."""

import asyncio

import httpx
import pytest
from httpx_sse import EventSource

from tests.streams.frames import Told
from tests.streams.playback import Playback
from tests.streams.suite import Client, Suite

AT_ONCE = 8


class HttpxSse:
    """It has no loop of its own; this is the least that a program around it does."""

    async def follow(self, _: Playback, urls: list[str]) -> list[list[Told]]:
        places = asyncio.Semaphore(AT_ONCE)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:

            async def one(url: str) -> list[Told]:
                async with places:
                    return await followed(http, url)

            return await asyncio.gather(*(one(url) for url in urls))


async def followed(http: httpx.AsyncClient, url: str) -> list[Told]:
    told: list[Told] = []
    last_id, retry = "", 3000
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        async with http.stream("GET", url, headers=headers) as answer:
            if answer.status_code != 200:
                return told
            try:
                async for event in EventSource(answer).aiter_sse():
                    retry = retry if event.retry is None else event.retry
                    last_id = event.id or last_id
                    if event.data:  # it hands out blocks without data too, which the standard passes over
                        told.append((event.event, event.data, last_id))
            except httpx.RemoteProtocolError:
                pass
        await asyncio.sleep(retry / 1000)


class TestHttpxSse(Suite):
    @pytest.fixture
    def client(self) -> Client:
        return HttpxSse()
