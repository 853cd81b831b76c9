"""The FastAPI factory: one form of error, no unknown parameters, bounded requests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import foreign, openapi, problems
from chassis.errors import Invalid
from chassis.health import Health
from chassis.request_frame import Limits, RequestFrame

AT_ONCE = 500
Says = Callable[[], Mapping[str, str]]
# The request frame makes the one span of a request. The framework's own would record the query, where people put secrets.
NO_SECOND_SPANS: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}


class UnknownParameter(Invalid):
    """A query parameter that the endpoint does not know, or one given twice where one is meant."""


def create_api(
    *,
    service: str,
    version: str,
    routers: Sequence[APIRouter],
    health: Health,
    max_body_bytes: int,
    request_seconds: float,
    max_requests: int = AT_ONCE,
    pages: Mapping[str, dict[str, Any]] | None = None,
    says: Says | None = None,
) -> FastAPI:
    """The application of one service; `pages` describe what its other listeners answer.

    `says` gives headers that go with every answer, errors of every kind included.
    """
    app = FastAPI(
        title=f"Tenantry {service}",
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        telemetry=NO_SECOND_SPANS,
        redirect_slashes=False,  # the redirect would be made of the request's Host
        dependencies=[Depends(refuse_unknown_parameters)],
    )
    problems.install(app)
    openapi.install(app, service, pages or {})
    app.include_router(health.router(service, version))
    for router in routers:
        app.include_router(router)
    app.add_middleware(
        RequestFrame,
        limits=Limits(max_body_bytes, request_seconds, max_requests),
    )
    if says is not None:
        app.add_middleware(Saying, says=says)
    return app


class Saying:
    """Pure ASGI, outermost: headers that go with every answer, whoever made it."""

    def __init__(self, inner: ASGIApp, *, says: Says) -> None:
        self._inner = inner
        self._says = says

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._says())
            await send(message)

        await self._inner(scope, receive, telling if scope["type"] == "http" else send)


async def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt parameter is an error, not a wider answer."""
    if not request.scope["query_string"]:
        return
    dependant = getattr(request.scope.get("route"), "dependant", None)
    if dependant is None or request.scope["path"] in foreign.PATHS:
        return
    known = {field.alias for field in flat_parameters(dependant)}
    for name in request.query_params:
        if name not in known:
            raise UnknownParameter(
                f"there is no parameter {name!r}",
                french=f"le paramètre {name!r} n'existe pas",
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
