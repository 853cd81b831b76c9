"""RFC 9457 problem details: one form for every error, in the caller's language, with the trace to look up."""

from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from chassis import french
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
    406: "CHASSIS.NOT_ACCEPTABLE",
    409: "CHASSIS.CONFLICT",
    412: "CHASSIS.STALE",
    413: "CHASSIS.BODY_TOO_LARGE",
    415: "CHASSIS.UNSUPPORTED_MEDIA_TYPE",
    422: "CHASSIS.INVALID",
    428: "CHASSIS.PRECONDITION_REQUIRED",
    429: "CHASSIS.TOO_MANY_REQUESTS",
    500: "CHASSIS.INTERNAL",
    503: "CHASSIS.UNAVAILABLE",
    504: "CHASSIS.TIMEOUT",
}
MOST_FAULTS = 50
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
        {"Content-Language": language, "Cache-Control": "no-store", **(headers or {})},
        MEDIA_TYPE,
    )


class Refusal(HTTPException):
    """Passes through FastAPI, which turns any other error while a body is read into a 400."""


def malformed(detail: str, language: str) -> Response:
    return problem(400, "CHASSIS.BAD_REQUEST", detail, language)


def bad_json(code: str, detail: str, language: str) -> Response:
    """The body cannot be read as JSON, or must not."""
    said = {"en": f"The body is {detail}.", "fr": f"Le corps de la requête est refusé : {detail}."}[language]
    errors = [{"pointer": "/", "code": code, "detail": detail}]
    return problem(400, "CHASSIS.BAD_REQUEST", said, language, errors=errors)


def too_large(limit: int, language: str) -> Response:
    """The rest of the body is not read, so the connection cannot be used again."""
    said = {"en": f"The body is larger than {limit} bytes.", "fr": f"Le corps dépasse {limit} octets."}[
        language
    ]
    return problem(413, "CHASSIS.BODY_TOO_LARGE", said, language, {"Connection": "close"})


def took_too_long(seconds: float, language: str) -> Response:
    said = {
        "en": f"The request was given up after {seconds:g} s.",
        "fr": f"La requête a été abandonnée après {seconds:g} s.",
    }[language]
    return problem(504, "CHASSIS.TIMEOUT", said, language)


def unavailable(language: str) -> Response:
    """A dependency is down."""
    said = {
        "en": "A dependency is down. Try again, with the same Idempotency-Key.",
        "fr": "Un service requis est indisponible. Réessayez avec la même Idempotency-Key.",
    }[language]
    return problem(503, "CHASSIS.UNAVAILABLE", said, language, {"Retry-After": "1"})


def overloaded(language: str) -> Response:
    """More requests at once than the process takes."""
    said = {
        "en": "Too many requests at once; nothing was read.",
        "fr": "Trop de requêtes simultanées ; rien n'a été lu.",
    }[language]
    headers = {"Retry-After": "1", "Connection": "close"}
    return problem(503, "CHASSIS.UNAVAILABLE", said, language, headers)


def internal(language: str) -> Response:
    """Tells nothing of what broke but where to look."""
    said = {
        "en": "Something broke on our side; the trace id finds it.",
        "fr": "Une erreur est survenue de notre côté ; l'identifiant de trace permet de la retrouver.",
    }[language]
    return problem(500, "CHASSIS.INTERNAL", said, language)


def install(app: FastAPI) -> None:
    """Render every family of errors; what is none of them is the request frame's."""
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(Transient, _transient)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))


async def _domain(request: Request, error: Exception) -> Response:
    if not isinstance(error, DomainError):
        raise error
    language = _language(request)
    detail = error.french if language == "fr" and error.french else error.detail
    return problem(error.status, error.code, detail, language, error.headers, **error.extras)


async def _transient(request: Request, error: Exception) -> Response:
    log.warning("http.unavailable", path=request.url.path, error=str(error))
    return unavailable(_language(request))


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    language = _language(request)
    faults = [fault_of(fault, language) for fault in error.errors()[:MOST_FAULTS]]
    malformed = any(fault["code"] == "json_invalid" for fault in faults)
    status = 400 if malformed else 422
    where = ", ".join(
        str(fault.get("pointer") or fault.get("parameter") or fault.get("header")) for fault in faults[:5]
    )
    said = {"en": f"Look at: {where}", "fr": f"À corriger : {where}"}[language]
    return problem(status, CODE_OF_STATUS[status], said, language, errors=faults)


def fault_of(fault: Any, language: str = "en") -> dict[str, str]:
    """One validation fault: where it is (JSON pointer, parameter or header), its code, what is wrong."""
    place, *steps = fault["loc"]
    told = {
        "code": str(fault["type"]),
        "detail": french.fault(fault) if language == "fr" else str(fault["msg"]),
    }
    if place in PLACES:
        return {PLACES[place]: str(steps[0]) if steps else "", **told}
    if fault["type"] == "json_invalid":
        return {"pointer": "/", **told}
    return {"pointer": "/" + "/".join(pointer_step(step) for step in steps), **told}


def pointer_step(step: Any) -> str:
    """RFC 6901 §3."""
    return str(step).replace("~", "~0").replace("/", "~1")


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error, Refusal):
        raise error
    language = _language(request)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(methods_of(request))
    code = CODE_OF_STATUS.get(error.status_code, "CHASSIS.BAD_REQUEST")
    said = error.detail if language == "en" else title_of(code, language)
    detail = f"{request.method} {request.url.path}: {said}"
    return problem(error.status_code, code, detail, language, headers)


def methods_of(request: Request) -> list[str]:
    """All methods of this path (RFC 9110 §15.5.6); the router itself knows those of the first route only."""
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.path_regex.match(request.scope["path"]):
            found |= set(route.methods or ())
    return sorted(found)
