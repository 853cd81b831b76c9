"""Pure ASGI around every request: limits of number, size and time, a span under the caller's, an origin, a last resort."""

import asyncio
import re
import time
import uuid
from dataclasses import dataclass

import asyncpg
import structlog
from opentelemetry import metrics
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import json_bodies, names, problems
from chassis.context import use_origin
from chassis.downloads import LIMIT
from chassis.telemetry import span_from

log = structlog.get_logger(__name__)

NUL = re.compile(rb"%00|\x00")
HEALTH = frozenset({"/livez", "/readyz"})
DATABASE_WILL_RECOVER = (
    TimeoutError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request, and of requests at once."""

    body_bytes: int
    seconds: float
    at_once: int


class BodyTooLarge(problems.Refusal):
    """More bytes than the limit arrived."""


class RequestFrame:
    """The outermost layer of every service's application."""

    def __init__(self, inner: ASGIApp, *, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits
        self._running = 0
        self._duration = metrics.get_meter("tenantry").create_histogram(names.HTTP_SERVER_DURATION, "s")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"] if scope["method"] in names.KNOWN_METHODS else "HTTP"
        about = {names.HTTP_METHOD: method, names.URL_PATH: scope["path"]}
        structlog.contextvars.unbind_contextvars("tenant_id")
        with (
            span_from(
                headers.get("traceparent"),
                method,
                tracestate=headers.get("tracestate"),
                kind=SpanKind.SERVER,
                attributes=about,
            ) as span,
            use_origin(correlation_id=correlation_of(headers.get("x-request-id"))),
        ):
            started_at = time.perf_counter()
            status = await self._answered(scope, receive, send, headers, span)
            route = template_of(scope)
            if route:
                span.update_name(f"{method} {route}")
                span.set_attribute(names.HTTP_ROUTE, route)
            span.set_attribute(names.HTTP_STATUS, status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            told = {names.HTTP_METHOD: method, names.HTTP_ROUTE: route, names.HTTP_STATUS: status}
            self._duration.record(time.perf_counter() - started_at, told)

    async def _answered(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], span: Span
    ) -> int:
        """Run the application, or answer in its place; the status that was sent (499: the caller left first)."""
        status = 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        language = problems.language_of(headers.get("accept-language", ""))
        self._running += 1
        try:
            refusal = self._refusal(scope, headers, language)
            if refusal is None:
                refusal = await self._run(scope, receive, watched_send, headers, language)
        except Exception as error:
            span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
            log.exception("http.unexpected", path=scope["path"])
            if status:
                raise  # half an answer is out: the connection must break, or it would pass for a whole one
            refusal = problems.internal(language)
        finally:
            self._running -= 1
        if refusal is not None and not status:
            await refusal(scope, receive, watched_send)
        return status or 499

    def _refusal(self, scope: Scope, headers: dict[str, str], language: str) -> Response | None:
        """What can be refused before anything is read."""
        if self._running > self._limits.at_once and scope["path"] not in HEALTH:
            return problems.overloaded(language)
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._limits.body_bytes:
            return problems.too_large(self._limits.body_bytes, language)
        if "\0" in scope["path"] or NUL.search(scope["query_string"]):
            return problems.malformed("The address holds the character NUL.", language)
        return None

    async def _run(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], language: str
    ) -> Response | None:
        try:
            async with asyncio.timeout(self._limits.seconds) as limit:
                scope[LIMIT] = limit
                bounded = self._bounded(receive)
                if is_json(headers.get("content-type", "")):
                    body = await whole(bounded)
                    if body is None:
                        return None
                    if body and (fault := json_bodies.fault_in(body)):
                        return problems.bad_json(*fault, language)
                    bounded = replayed(body, receive)
                await self._inner(scope, bounded, send)
        except BodyTooLarge:
            return problems.too_large(self._limits.body_bytes, language)
        except DATABASE_WILL_RECOVER as error:
            if limit.expired():
                return problems.took_too_long(self._limits.seconds, language)
            log.warning("http.unavailable", path=scope["path"], error=repr(error))
            return problems.unavailable(language)
        return None

    def _bounded(self, receive: Receive) -> Receive:
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limits.body_bytes:
                raise BodyTooLarge(413)
            return message

        return limited


def template_of(scope: Scope) -> str:
    """The path of the route that the router chose, with its placeholders, so that span names stay few; or empty."""
    return str(getattr(scope.get("route"), "path_format", ""))


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def whole(receive: Receive) -> bytes | None:
    """The body; None when the caller left before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, then what the server says (a disconnect)."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


def correlation_of(given: str | None) -> str:
    """The caller's request id where it is a short printable word, else a new one."""
    if given and len(given) <= 64 and given.isascii() and given.isprintable():
        return given
    return str(uuid.uuid4())
