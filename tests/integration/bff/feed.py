"""Words for the feed: events to any audience, through the table that numbers them and the relay that publishes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis.db import Database
from chassis.ids import uuid7
from contracts.envelope import Envelope
from contracts.subjects import schema_of, source_of
from services.bff.projector import append, word_of

TYPE = "sync.record.changed.v1"


def told_to(tenant_id: UUID) -> Envelope:
    return Envelope(
        id=uuid7(),
        source=source_of("sync"),
        type=TYPE,
        time=datetime.now(UTC),
        subject="record/x",
        tenant_id=tenant_id,
        aggregate_version=1,
        dataschema=schema_of(TYPE),
    )


async def say(database: Database, tenant_id: UUID, audiences: Sequence[str], size: int = 0) -> list[str]:
    """One event to each of `audiences`, in this order and one transaction; their ids."""
    envelopes = [told_to(tenant_id) for _ in audiences]
    body = b'{"filling":"%s"}' % (b"x" * size)
    async with database.worker() as tx:
        told = zip(envelopes, audiences, strict=True)
        await append(tx, [word_of(envelope, audience, body) for envelope, audience in told])
    return [str(envelope.id) for envelope in envelopes]


def ids(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["id"] for event in events]
