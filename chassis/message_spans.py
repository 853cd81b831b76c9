"""One trace through the bus: a span per message under its own `traceparent`, a batch span that links to them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import time_ns
from types import TracebackType
from typing import Self
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.context import use_origin
from contracts.envelope import Message

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("tenantry.inbox")
_batch: ContextVar["MessageSpans | None"] = ContextVar("message_spans", default=None)


def parent_of(message: Message) -> Context:
    """The context in which the event was written; an empty one starts a trace of its own."""
    envelope = message.envelope
    carrier = {"traceparent": envelope.traceparent, "tracestate": envelope.tracestate}
    return _propagator.extract({name: value for name, value in carrier.items() if value}, context=Context())


@contextmanager
def handling(message: Message) -> Iterator[Span]:
    """Around the work on one message: its span, and its origin, which `outbox.add` writes into what it causes."""
    envelope = message.envelope
    batch = _batch.get()
    if batch is not None:
        batch.handled.add(envelope.id)
    with (
        _tracer.start_as_current_span(
            f"{envelope.type} process", parent_of(message), SpanKind.CONSUMER, attributes=_attributes(message)
        ) as span,
        use_origin(
            correlation_id=envelope.correlation_id,
            causation_id=str(envelope.id),
            actor_id=envelope.actor_id,
            actor_type=envelope.actor_type,
        ),
    ):
        yield span


class MessageSpans:
    """The span of one inbox transaction; messages that the handler did not give a span of their own get it at the end."""

    def __init__(self, consumer: str, stream: str) -> None:
        self.handled: set[UUID] = set()
        self._consumer = consumer
        self._stream = stream
        self._messages: Sequence[Message] = ()
        self._span: Span | None = None
        self._started = time_ns()

    def __enter__(self) -> Self:
        self._token = _batch.set(self)
        return self

    def open(self, messages: Sequence[Message]) -> None:
        """Called once it is known which messages of the batch are new."""
        self._messages = messages
        self._span = _tracer.start_span(
            f"{self._stream} batch",
            Context(),
            SpanKind.CONSUMER,
            start_time=self._started,
            attributes={
                "messaging.system": "nats",
                "messaging.destination.name": self._stream,
                "messaging.consumer.group.name": self._consumer,
                "messaging.batch.message_count": len(messages),
            },
        )
        if self._span.is_recording():
            for message in messages:
                written_in = trace.get_current_span(parent_of(message)).get_span_context()
                if written_in.is_valid:
                    self._span.add_link(written_in)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        _batch.reset(self._token)
        if self._span is None:
            return
        if error is not None:
            self._span.set_status(StatusCode.ERROR, repr(error))
        elif self._span.is_recording():
            self._end_unhandled()
        self._span.end()

    def _end_unhandled(self) -> None:
        for message in self._messages:
            if message.envelope.id not in self.handled:
                _tracer.start_span(
                    f"{message.envelope.type} process",
                    parent_of(message),
                    SpanKind.CONSUMER,
                    start_time=self._started,
                    attributes=_attributes(message),
                ).end()


def _attributes(message: Message) -> dict[str, str]:
    envelope = message.envelope
    attributes = {
        "messaging.system": "nats",
        "messaging.destination.name": envelope.type,
        "messaging.message.id": str(envelope.id),
    }
    if envelope.tenant_id is not None:
        attributes["tenantry.tenant_id"] = str(envelope.tenant_id)
    return attributes
