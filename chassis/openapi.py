"""The OpenAPI document says what is really asked and answered: callers, keys, recorded examples, and every error."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from chassis import openapi_examples
from chassis.problems import MEDIA_TYPE
from contracts import http_examples

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details; further members help: allowed_transitions, retry_at, fix, reason",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:tenantry:problem:CHASSIS.NOT_FOUND"]},
        "title": {"type": "string", "description": "In the language asked for: English or French"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {
            "type": "string",
            "pattern": "^[A-Z]+\\.[A-Z0-9_]+$",
            "description": "Stable, never translated",
        },
        "detail": {"type": "string"},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    name: {"type": "string"} for name in ("pointer", "parameter", "header", "code", "detail")
                },
            },
        },
    },
}
EXAMPLE = {
    "type": "urn:tenantry:problem:CHASSIS.INVALID",
    "title": "The input is invalid",
    "status": 422,
    "code": "CHASSIS.INVALID",
    "detail": "Look at: /slug",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "errors": [{"pointer": "/slug", "code": "missing", "detail": "Field required"}],
}
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": EXAMPLE}}
ANY_ERROR = {"default": {"description": "Any error, as RFC 9457 problem details", "content": CONTENT}}
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token"},
    "dpop": {
        "type": "http",
        "scheme": "dpop",
        "description": "An access token bound to a device's key, with a proof in the header `DPoP` (RFC 9449)",
    },
    "publisher": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`token=<publisher token>` or `Token token=<publisher token>`, as Retraced's clients send it",
    },
}
ERRORS = {
    "400": "Malformed, or a required header is missing",
    "401": "No access token, or not a good one",
    "403": "Not allowed",
    "404": "Unknown, or another tenant's",
    "409": "The first request with this Idempotency-Key is still running, or the state forbids it",
    "413": "The body is too large",
    "422": "The input is invalid, or the Idempotency-Key stands for another request",
}
KEY_HEADER = "Idempotency-Key"
FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI, service: str, pages: Mapping[str, dict[str, Any]]) -> None:
    """Complete the document. Made once, on the first request for it.

    `pages` are operations by path that another listener of the service answers.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, routes=app.routes)
            found["paths"] |= copy.deepcopy(dict(pages))
            openapi_examples.put_into(found, http_examples.read(service))
            app.openapi_schema = with_problems(found, guards_of(app))
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def guards_of(app: FastAPI) -> dict[tuple[str, str], Any]:
    """(path, method) → the dependency that checks its caller."""
    found: dict[tuple[str, str], Any] = {}
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            guard = next(guards_below(route.dependant), None)
            if guard is not None:
                found |= {(str(route.path_format), method.lower()): guard for method in route.methods or ()}
    return found


def guards_below(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        if hasattr(inner.call, "security_scheme"):
            yield inner.call
        yield from guards_below(inner)


def with_problems(found: dict[str, Any], guards: dict[tuple[str, str], Any]) -> dict[str, Any]:
    """Every operation says who may call it, and answers errors as Problem."""
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    found["components"]["securitySchemes"] = {
        name: SECURITY_SCHEMES[name] for name in sorted(schemes_of(found, guards))
    }
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            guard = guards.get((path, method))
            if guard is not None:
                operation["security"] = [{guard.security_scheme: []}]
                if hasattr(guard, "capability"):
                    operation["x-capability"] = guard.capability.value
            describe_errors(operation)
    return found


def schemes_of(found: dict[str, Any], guards: dict[tuple[str, str], Any]) -> set[str]:
    """Those of guards, and those that pages name."""
    operations = [operation for path in found["paths"].values() for operation in path.values()]
    named = {scheme for operation in operations for one in operation.get("security", ()) for scheme in one}
    return named | {guard.security_scheme for guard in guards.values()}


def describe_errors(operation: dict[str, Any]) -> None:
    """What this operation can refuse follows from what it takes."""
    parameters = operation.get("parameters", [])
    places = {parameter["in"] for parameter in parameters}
    statuses = {"401", "403"} if "security" in operation else set()
    if "path" in places:
        statuses.add("404")
    if places or "requestBody" in operation:
        statuses.add("422")
    if "requestBody" in operation:
        statuses |= {"400", "413"}
    for parameter in parameters:
        if parameter["name"].lower() == KEY_HEADER.lower():
            parameter.update(name=KEY_HEADER, required=True)
            statuses |= {"400", "409"}
    answers = operation["responses"]
    for status in sorted(statuses):
        if status == "422" or status not in answers:
            answers[status] = {"description": ERRORS[status], "content": CONTENT}
    answers.update(ANY_ERROR)
