"""RFC 9457 problem details: one form for every error, in the caller's language, with the trace to look up."""

from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from chassis.errors import DomainError, Transient
from chassis.telemetry import trace_id
from contracts.error_codes import title_of

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
CODE_OF_STATUS = {
    400: "CHASSIS.BAD_REQUEST",
    401: "CHASSIS.UNAUTHORIZED",
    403: "CHASSIS.FORBIDDEN",
    404: "CHASSIS.NOT_FOUND",
    405: "CHASSIS.METHOD_NOT_ALLOWED",
    409: "CHASSIS.CONFLICT",
    413: "CHASSIS.BODY_TOO_LARGE",
    422: "CHASSIS.INVALID",
    503: "CHASSIS.UNAVAILABLE",
    504: "CHASSIS.TIMEOUT",
}
PLACES = {"query": "parameter", "path": "parameter", "header": "header", "cookie": "header"}


def language_of(accept: str) -> str:
    """`fr` when French is preferred, else `en` (RFC 9110 §12.5.4, quality values respected)."""
    best, quality = "en", 0.0
    for part in accept.split(","):
        tag, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=") if parameters else "1"
        try:
            value = float(weight)
        except ValueError:
            continue
        primary = tag.strip().lower().split("-")[0]
        if primary in {"en", "fr"} and value > quality:
            best, quality = primary, value
    return best


def problem(
    status: int, code: str, detail: str, language: str, headers: dict[str, str] | None = None, **members: Any
) -> Response:
    """A problem+json answer."""
    body = {
        "type": f"urn:tenantry:problem:{code}",
        "title": title_of(code, language),
        "status": status,
        "code": code,
        "detail": detail,
        "trace_id": trace_id(),
        **members,
    }
    return Response(
        orjson.dumps({name: value for name, value in body.items() if value is not None}),
        status,
        {"Content-Language": language, **(headers or {})},
        MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Render every family of errors."""
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(Transient, _transient)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))


async def _domain(request: Request, error: Exception) -> Response:
    if not isinstance(error, DomainError):
        raise error
    return problem(error.status, error.code, error.detail, _language(request), error.headers, **error.extras)


async def _transient(request: Request, error: Exception) -> Response:
    log.warning("http.unavailable", path=request.url.path, error=str(error))
    detail = "A dependency is down; nothing was changed. Try again."
    return problem(503, "CHASSIS.UNAVAILABLE", detail, _language(request), {"Retry-After": "1"})


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [fault_of(fault) for fault in error.errors()]
    malformed = any(fault["code"] == "json_invalid" for fault in faults)
    status = 400 if malformed else 422
    where = ", ".join(
        str(fault.get("pointer") or fault.get("parameter") or fault.get("header")) for fault in faults[:5]
    )
    return problem(status, CODE_OF_STATUS[status], f"Look at: {where}", _language(request), errors=faults)


def fault_of(fault: Any) -> dict[str, str]:
    """One validation fault: where it is (JSON pointer, parameter or header), its code, what is wrong."""
    place, *steps = fault["loc"]
    told = {"code": str(fault["type"]), "detail": str(fault["msg"])}
    if place in PLACES:
        return {PLACES[place]: str(steps[0]) if steps else "", **told}
    if fault["type"] == "json_invalid":
        return {"pointer": "/", **told}
    return {"pointer": "/" + "/".join(str(step) for step in steps), **told}


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = CODE_OF_STATUS.get(error.status_code, "CHASSIS.BAD_REQUEST")
    headers = dict(error.headers or {})
    return problem(
        error.status_code,
        code,
        f"{request.method} {request.url.path}: {error.detail}",
        _language(request),
        headers,
    )


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("http.unexpected", path=request.url.path, exc_info=error)
    return problem(
        500, "CHASSIS.INTERNAL", "Something broke on our side; the trace id finds it.", _language(request)
    )
