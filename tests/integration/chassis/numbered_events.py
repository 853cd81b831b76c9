"""Events of the registry as its relay would publish them, made by hand so that tests choose every number and order."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import orjson

from chassis.bus import Bus
from chassis.ids import uuid7
from chassis.pull import Delivery
from contracts.envelope import Envelope
from contracts.registry import TenantTrialStartedV1
from contracts.subjects import replay_subject, schema_of, source_of

EVENT = TenantTrialStartedV1
EPOCH = "01"


@dataclass(frozen=True)
class Numbered:
    """One event with its place; `delivery` is what a consumer gets."""

    envelope: Envelope
    data: bytes

    @property
    def id(self) -> UUID:
        return self.envelope.id

    @property
    def headers(self) -> dict[str, str]:
        return self.envelope.to_headers()

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.headers, self.data)

    def renumbered(self, epoch: str, sequence: int) -> "Numbered":
        return replace(self, envelope=self.envelope.numbered(epoch, sequence))


def numbered(
    sequence: int, *, tenant: UUID | None = None, version: int | None = None, epoch: str = EPOCH
) -> Numbered:
    """A tenant's trial that started; `version` is the tenant's, by default the event's number."""
    tenant = tenant or uuid7()
    envelope = Envelope(
        id=uuid7(),
        source=source_of("registry"),
        type=EVENT.type,
        time=datetime.now(UTC),
        subject=f"tenant/{tenant}",
        tenant_id=tenant,
        aggregate_version=version if version is not None else sequence,
        dataschema=schema_of(EVENT.type),
        correlation_id="request-1",
        actor_id="operator-1",
        actor_type="operator",
        sequence=sequence,
        epoch=epoch,
    )
    event = EVENT(tenant_id=tenant, trial_ends_at=datetime.now(UTC), products=("notetaker",))
    return Numbered(envelope, event.data())


def several(count: int, *, first: int = 1, epoch: str = EPOCH) -> list[Numbered]:
    return [numbered(sequence, epoch=epoch) for sequence in range(first, first + count)]


async def publish(bus: Bus, events: Iterable[Numbered]) -> None:
    """Into the registry's stream, in this order, each stored before the next."""
    for event in events:
        await bus.js.publish(event.envelope.type, event.data, headers=event.headers)


async def answer_replays(bus: Bus, events: Iterable[Numbered], asked: list[dict[str, object]]) -> None:
    """Stand in for the registry's outbox: answers ranges of `events`, three to a page, and notes what was asked."""
    kept = sorted(events, key=lambda event: event.envelope.sequence or 0)

    async def answer(data: bytes) -> bytes:
        request = json.loads(data)
        asked.append(request)
        wanted = [
            event
            for event in kept
            if event.envelope.epoch == request["epoch"]
            and request["from"] <= (event.envelope.sequence or 0) <= request["to"]
        ]
        page, rest = wanted[:3], wanted[3:]
        messages = [
            {"headers": event.headers, "data_b64": base64.b64encode(event.data).decode()} for event in page
        ]
        return orjson.dumps({"messages": messages, "next": rest[0].envelope.sequence if rest else None})

    await bus.respond(replay_subject("registry"), answer)
