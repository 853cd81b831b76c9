"""The OpenAPI document says what is really answered: problem details, not FastAPI's own form of errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from chassis.problems import MEDIA_TYPE

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
FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Replace the document's errors. Made once, on the first request for it."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_problems(
                get_openapi(title=app.title, version=app.version, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def with_problems(found: dict[str, Any]) -> dict[str, Any]:
    """Every operation answers errors as Problem."""
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for operations in found["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            if "422" in answers:
                answers["422"] = {"description": "The input is invalid", "content": CONTENT}
            answers.update(ANY_ERROR)
    return found
