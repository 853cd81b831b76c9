"""Traces: where spans go, and how a context gets into an event. Names are listed in `chassis/names.py`."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("tenantry")


class FileExporter(SpanExporter):
    """One JSON object per line and span, flushed at once; times in seconds since 1970. For demo and tests."""

    def __init__(self, path: Path, service: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        self._service = service
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = b"".join(orjson.dumps(self._row(span)) + b"\n" for span in spans)
        with self._lock:
            self._file.write(lines)
            self._file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def _row(self, span: ReadableSpan) -> dict[str, object]:
        context = span.get_span_context()
        return {
            "trace_id": f"{context.trace_id:032x}" if context else "",
            "span_id": f"{context.span_id:016x}" if context else "",
            "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
            "name": span.name,
            "service": self._service,
            "start": (span.start_time or 0) / 1e9,
            "end": (span.end_time or 0) / 1e9,
            "attributes": {name: str(value) for name, value in (span.attributes or {}).items()},
            "links": [f"{link.context.trace_id:032x}" for link in span.links],
        }


def setup(service: str, spec: str) -> TracerProvider:
    """Send spans where `spec` says: `none`, `console`, `file:<path>`, `otlp:<base url>`. Raises ValueError for another.

    With `none` nothing is recorded, as a span costs more than the work on most messages; trace ids are made and passed on.
    """
    kind, _, where = spec.partition(":")
    resource = Resource.create({"service.name": f"tenantry-{service}"})
    provider = TracerProvider(resource=resource, sampler=ALWAYS_OFF if kind == "none" else None)
    if kind == "console":
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    elif kind == "file" and where:
        provider.add_span_processor(SimpleSpanProcessor(FileExporter(Path(where), service)))
    elif kind == "otlp" and where:
        from chassis.telemetry_otlp import send  # noqa: PLC0415  # a fifth of a process's start, for who asks for it

        send(provider, where.rstrip("/"))
    elif kind != "none":
        raise ValueError(f"TENANTRY_TELEMETRY: {spec!r} is none of none, console, file:<path>, otlp:<url>")
    trace.set_tracer_provider(provider)
    return provider


def inject() -> tuple[str | None, str | None]:
    """`traceparent` and `tracestate` of the work in hand (W3C Trace Context); None where there is no trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent"), carrier.get("tracestate")


@contextmanager
def span_from(
    traceparent: str | None,
    name: str,
    *,
    tracestate: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: dict[str, str] | None = None,
) -> Iterator[Span]:
    """A span under a context that came from outside; under none it begins a trace."""
    carrier = {
        name: value for name, value in (("traceparent", traceparent), ("tracestate", tracestate)) if value
    }
    with _tracer.start_as_current_span(
        name, _propagator.extract(carrier), kind=kind, attributes=attributes or {}
    ) as span:
        yield span


def trace_id() -> str | None:
    """The trace of the work in hand, in hexadecimal."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
