"""Structured logs on stderr, one JSON object per line, with trace ids and never a secret."""

import logging
import re
import sys
from typing import Any

import orjson
import structlog

from chassis.telemetry import trace_id

SECRET_NAMES = re.compile(
    r"authorization|dpop|token|secret|password|passphrase|private|signature|cookie|seed|e_?mail|otp|nonce|dsn"
    r"|(?:^|[_-]|api)key$|database_url",
    re.IGNORECASE,
)
SECRET_VALUES = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # credentials in an address
    r"|whsec_[\w+/=]+|tk_(?:live|test)_\w+"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"  # an e-mail address
)
HIDDEN = "[hidden]"


def redact(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Hide what is named like a secret and what looks like one, at every depth."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(str(key), part) for key, part in value.items()}
    if SECRET_NAMES.search(name) and value is not None:
        return HIDDEN
    if isinstance(value, list | tuple):
        return [_redacted("", part) for part in value]
    if isinstance(value, str):
        return SECRET_VALUES.sub(HIDDEN, value)
    return value


def _add_trace(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    if (found := trace_id()) is not None:
        event["trace_id"] = found
    return event


def _dumps(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def setup(service: str, level: int = logging.INFO) -> None:
    """Called once per process, before anything logs."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer(serializer=_dumps)
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    structlog.contextvars.bind_contextvars(service=service)
