"""The FastAPI factory: one form of error, bounded bodies and times, a span and an origin around every request."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import foreign, problems
from chassis.context import use_origin
from chassis.errors import DomainError
from chassis.health import Health
from chassis.telemetry import span_from


class UnknownParameter(DomainError):
    """A query parameter that the endpoint does not know."""

    code = "CHASSIS.INVALID"
    status = 422


class BodyTooLarge(HTTPException):
    """More bytes than the limit; an HTTP error, because FastAPI turns any other one into a 400."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the body is larger than {limit} bytes", {"Connection": "close"})


def create_api(
    *,
    service: str,
    version: str,
    routers: Sequence[APIRouter],
    health: Health,
    max_body_bytes: int,
    request_seconds: float,
) -> FastAPI:
    """The application of one service."""
    app = FastAPI(
        title=f"Tenantry {service}",
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        dependencies=[Depends(refuse_unknown_parameters)],
        responses={
            "default": {
                "description": "Any error, as RFC 9457 problem details",
                "content": {problems.MEDIA_TYPE: {"schema": {"type": "object"}}},
            }
        },
    )
    problems.install(app)
    app.include_router(health.router(service, version))
    for router in routers:
        app.include_router(router)
    app.add_middleware(RequestFrame, app=app, max_body_bytes=max_body_bytes, seconds=request_seconds)
    return app


async def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt parameter is an error, not a wider answer."""
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    if dependant is None or request.url.path in foreign.PATHS:
        return
    known = {field.alias for field in flat_parameters(dependant)}
    for name in request.query_params:
        if name not in known:
            raise UnknownParameter(
                f"there is no parameter {name!r}",
                errors=[
                    {
                        "parameter": name,
                        "code": "unknown",
                        "detail": f"known are: {', '.join(sorted(known)) or 'none'}",
                    }
                ],
            )


def flat_parameters(dependant: Any) -> list[Any]:
    """Query parameters of an endpoint and of everything that it depends on."""
    found = list(dependant.query_params)
    for inner in dependant.dependencies:
        found += flat_parameters(inner)
    return found


class RequestFrame:
    """Pure ASGI: limits the body and the time, opens the request's span under the caller's, sets the origin."""

    def __init__(self, inner: ASGIApp, *, app: FastAPI, max_body_bytes: int, seconds: float) -> None:
        self._inner = inner
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        started = asyncio.Event()
        status = 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                started.set()
                status = message["status"]
            await send(message)

        name = f"{scope['method']} {self._template(scope)}"
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with (
            span_from(
                headers.get("traceparent"),
                name,
                tracestate=headers.get("tracestate"),
                kind=SpanKind.SERVER,
                attributes=attributes,
            ) as span,
            use_origin(correlation_id=correlation_of(headers.get("x-request-id"))),
        ):
            refusal = await self._bounded(scope, receive, watched_send, headers)
            if refusal is not None and not started.is_set():
                await refusal(scope, receive, watched_send)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str]) -> Any:
        """Run the application within the limits; a refusal to send when it did not get through."""
        language = problems.language_of(headers.get("accept-language", ""))
        too_large = f"The body is larger than {self._max_body_bytes} bytes."
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_body_bytes:
            return problems.problem(
                413, "CHASSIS.BODY_TOO_LARGE", too_large, language, {"Connection": "close"}
            )
        taken = 0

        async def limited_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            return message

        try:
            async with asyncio.timeout(self._seconds):
                await self._inner(scope, limited_receive, send)
        except TimeoutError:
            detail = f"The request was given up after {self._seconds:g} s."
            return problems.problem(504, "CHASSIS.TIMEOUT", detail, language)
        return None

    def _template(self, scope: Scope) -> str:
        """The route's path with its placeholders, so that span names stay few."""
        for route in self._app.router.routes:
            if route.matches(scope)[0] is not Match.NONE:
                return str(getattr(route, "path", "?"))
        return "?"


def correlation_of(given: str | None) -> str:
    """The caller's request id where it is a short printable word, else a new one."""
    if given and len(given) <= 64 and given.isascii() and given.isprintable():
        return given
    return str(uuid.uuid4())
