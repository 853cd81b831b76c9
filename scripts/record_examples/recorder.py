"""Sends the requests of the story and keeps what was said."""

import asyncio
import base64
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from contracts.http_examples import JSON, Examples, Exchange
from contracts.subjects import SERVICES

BYTES = frozenset({"application/octet-stream", "application/zip"})
PATIENCE_SECONDS = 20.0
VARIABLE = re.compile(r"{(\w+)}")


class StoryError(Exception):
    """The story cannot go on; the message holds the answer."""


class Caller(Protocol):
    """Somebody who may ask."""

    async def send(self, method: str, url: str, body: Any, headers: dict[str, str]) -> httpx.Response: ...


class Recorder:
    """What was asked and answered, per service and operation; `ids` fill the variables of paths."""

    def __init__(self, urls: dict[str, str]) -> None:
        self._urls = urls
        self.ids: dict[str, str] = {}
        self.kept: dict[str, Examples] = {service: {} for service in SERVICES}

    async def ask(
        self,
        caller: Caller,
        service: str,
        operation: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        match: str = "",
        until: Callable[[Any], bool] = lambda _: True,
        title: str = "",
        is_kept: bool = True,
        **path: str,
    ) -> Any:
        """Ask, and keep it as an example of `operation`; answers the body.

        `path` goes before `ids`. `match` is the path whose ETag goes with it; `until` repeats a read until the
        answer is what the example should show. Raises StoryError for an answer that is no success.
        """
        method, template = operation.split(" ", 1)
        filled = {name: {**self.ids, **path}[name] for name in VARIABLE.findall(template)}
        url = f"{self._urls[service]}{template.format(**filled)}"
        if query:
            url = f"{url}?{httpx.QueryParams({name: text_of(value) for name, value in query.items()})}"
        extra = dict(headers or {})
        if match:
            extra["If-Match"] = await self.etag(caller, service, match, filled, query or {})
        answer = await self._patiently(caller, method, url, body, extra, until)
        if is_kept:
            content, media_type = content_of(answer)
            status, shown, told = answer.status_code, query or {}, headers or {}
            exchange = Exchange(status, title, filled, shown, told, body, content, media_type)
            self.keep(service, operation, exchange)
        return content_of(answer)[0]

    def keep(self, service: str, operation: str, exchange: Exchange) -> None:
        """Raises StoryError for a second one of the same title."""
        several = self.kept[service].setdefault(operation, [])
        if any(one.title == exchange.title for one in several):
            raise StoryError(f"{operation} has two examples with the title {exchange.title!r}")
        several.append(exchange)

    async def etag(
        self, caller: Caller, service: str, path: str, filled: dict[str, str], query: dict[str, Any]
    ) -> str:
        """Of the resource at `path`, whose variables are those of the change; a tenant's where the change names one."""
        asked = httpx.QueryParams({name: query[name] for name in ("tenant_id",) if name in query})
        url = f"{self._urls[service]}{path.format(**filled)}{'?' if asked else ''}{asked}"
        answer = await caller.send("GET", url, None, {})
        if "ETag" not in answer.headers:
            raise StoryError(f"GET {path} has no ETag: {answer.status_code} {answer.text[:500]}")
        return answer.headers["ETag"]

    async def _patiently(
        self,
        caller: Caller,
        method: str,
        url: str,
        body: Any,
        headers: dict[str, str],
        until: Callable[[Any], bool],
    ) -> httpx.Response:
        if method != "GET":
            headers = {"Idempotency-Key": uuid.uuid4().hex, **headers}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await caller.send(method, url, body, headers)
            if answer.is_success and until(content_of(answer)[0]):
                return answer
            if method != "GET" or answer.status_code not in {200, 404} or time.monotonic() > deadline:
                raise StoryError(f"{method} {url}: {answer.status_code} {answer.text[:2000]}")
            await asyncio.sleep(0.05)


def text_of(value: Any) -> Any:
    """A query parameter's text."""
    return str(value).lower() if isinstance(value, bool) else value


def content_of(answer: httpx.Response) -> tuple[Any, str]:
    """(body, media type); bytes in base64."""
    if not answer.content:
        return None, JSON
    media_type = answer.headers["content-type"].split(";")[0]
    if media_type in BYTES:
        return base64.b64encode(answer.content).decode(), media_type
    return (answer.json() if media_type == JSON else answer.text), media_type
