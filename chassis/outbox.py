"""The outbox: the only way to speak. An event is a row, written in the transaction of the change that it tells of."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from chassis.context import current_origin
from chassis.db import Tx
from chassis.errors import Permanent
from chassis.ids import uuid7
from chassis.telemetry import inject
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.subjects import schema_of, source_of

MAX_BYTES = 253_952
"""Headers and body of one message: 256 KiB less what the relay and the server add."""

INSERT = "insert into {lane} (event_id, tenant_id, subject, headers, payload) values ($1, $2, $3, $4, $5)"


class EventTooLarge(Permanent):
    """The event does not fit into a message; send a reference instead of the body."""


@dataclass(frozen=True, slots=True)
class Lane:
    """An outbox with its relay and its stream. `name` is the table's; a service's own events use the lane `outbox`."""

    name: str
    stream: str


_wakers: dict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)


def wakes(service: str, lane: str) -> set[asyncio.Event]:
    """The events that are set after each commit that wrote to this lane in this process."""
    return _wakers[(service, lane)]


async def add(tx: Tx, event: Event, *, aggregate_version: int) -> UUID:
    """Say `event` when, and only when, `tx` commits; call it after the aggregate's row is locked. Answers the event's id.

    Raises EventTooLarge.
    """
    id_, tenant_id, subject, headers, payload = row_of(tx.service, event, aggregate_version)
    await add_raw(tx, "outbox", id_, tenant_id, subject, headers, payload)
    return id_


async def add_all(tx: Tx, events: Sequence[tuple[Event, int]]) -> None:
    """Say many, each with its aggregate's version, in one round trip. Raises EventTooLarge."""
    if events:
        await add_many(tx, "outbox", [row_of(tx.service, event, version) for event, version in events])


def row_of(
    service: str, event: Event, aggregate_version: int
) -> tuple[UUID, UUID | None, str, Mapping[str, str], bytes]:
    """(id, tenant, subject, headers, payload), with the origin and the trace of the work in hand."""
    origin = current_origin()
    traceparent, tracestate = inject()
    id_ = uuid7()
    envelope = Envelope(
        id=id_,
        source=source_of(service),
        type=event.type,
        time=datetime.now(UTC),
        subject=f"{event.aggregate}/{event.aggregate_id}",
        tenant_id=event.tenant_id,
        aggregate_version=aggregate_version,
        dataschema=schema_of(event.type),
        correlation_id=origin.correlation_id or str(id_),
        causation_id=origin.causation_id,
        actor_id=origin.actor_id,
        actor_type=origin.actor_type,
        traceparent=traceparent,
        tracestate=tracestate,
    )
    return id_, event.tenant_id, event.type, envelope.to_headers(), event.data()


async def add_raw(
    tx: Tx,
    lane: str,
    id_: UUID,
    tenant_id: UUID | None,
    subject: str,
    headers: Mapping[str, str],
    payload: bytes,
) -> None:
    """One row of a lane; `headers` lacks only what the relay adds. Raises EventTooLarge."""
    encoded = orjson.dumps(headers)
    if len(encoded) + len(payload) > MAX_BYTES:
        raise EventTooLarge(
            f"{subject}: {len(encoded) + len(payload)} bytes, at most {MAX_BYTES} fit into a message"
        )
    await tx.execute(INSERT.format(lane=lane), id_, tenant_id, subject, encoded, payload)
    tx.on_commit(_Waker(tx.service, lane))


async def add_many(
    tx: Tx, lane: str, rows: list[tuple[UUID, UUID | None, str, Mapping[str, str], bytes]]
) -> None:
    """Many rows of a lane in one round trip: (id, tenant, subject, headers, payload)."""
    encoded = [
        (id_, tenant, subject, orjson.dumps(headers), payload)
        for id_, tenant, subject, headers, payload in rows
    ]
    for _, _, subject, headers, payload in encoded:
        if len(headers) + len(payload) > MAX_BYTES:
            raise EventTooLarge(
                f"{subject}: {len(headers) + len(payload)} bytes, at most {MAX_BYTES} fit into a message"
            )
    await tx.executemany(INSERT.format(lane=lane), encoded)
    tx.on_commit(_Waker(tx.service, lane))


@dataclass(frozen=True, slots=True)
class _Waker:
    """Equal ones are called once per commit."""

    service: str
    lane: str

    def __call__(self) -> None:
        for event in _wakers[(self.service, self.lane)]:
            event.set()
