"""What the registry says of one tenant, as its relay would publish it, with every number chosen by the test."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chassis.bus import Bus
from chassis.ids import uuid7
from chassis.pull import Delivery
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.registry import (
    TenantActivatedV1,
    TenantArchivedV1,
    TenantDeletedV1,
    TenantFrozenV1,
    TenantReactivatedV1,
)
from contracts.subjects import schema_of, source_of


@dataclass
class Registry:
    """Numbers what it says; `version` is the tenant's."""

    tenant_id: UUID
    sequence: int = 0
    said: list[Delivery] = field(default_factory=list)

    def say(self, event: Event, version: int | None = None) -> Delivery:
        self.sequence += 1
        envelope = Envelope(
            id=uuid7(),
            source=source_of("registry"),
            type=event.type,
            time=datetime.now(UTC),
            subject=f"tenant/{self.tenant_id}",
            tenant_id=self.tenant_id,
            aggregate_version=version or self.sequence,
            dataschema=schema_of(event.type),
            sequence=self.sequence,
            epoch="01",
        )
        self.said.append(Delivery(envelope.to_headers(), event.data()))
        return self.said[-1]

    def activated(self, version: int | None = None) -> Delivery:
        event = TenantActivatedV1(
            tenant_id=self.tenant_id,
            slug="acme",
            plan="starter",
            products=(),
            source="operator",
            sales_order=None,
            contract_start=None,
            contract_end=None,
            ent_v=1,
            locale="en",
            activated_at=datetime.now(UTC),
        )
        return self.say(event, version)

    def frozen(self, version: int | None = None) -> Delivery:
        now = datetime.now(UTC)
        event = TenantFrozenV1(
            tenant_id=self.tenant_id,
            frozen_reason="non_payment",
            frozen_at=now,
            archive_at=now + timedelta(days=30),
        )
        return self.say(event, version)

    def reactivated(self) -> Delivery:
        return self.say(TenantReactivatedV1(tenant_id=self.tenant_id, reactivated_at=datetime.now(UTC)))

    def archived(self) -> Delivery:
        now = datetime.now(UTC)
        return self.say(TenantArchivedV1(tenant_id=self.tenant_id, archived_at=now, delete_at=now))

    def deleted(self) -> Delivery:
        return self.say(TenantDeletedV1(tenant_id=self.tenant_id, deleted_at=datetime.now(UTC)))


async def publish(bus: Bus, *deliveries: Delivery) -> None:
    """Into the registry's stream, each stored before the next."""
    for delivery in deliveries:
        await bus.js.publish(delivery.headers["ce-type"], delivery.data, headers=without_id(delivery))


def without_id(delivery: Delivery) -> dict[str, str]:
    """The stream must take a repetition: it is the inbox that has to see that it is one."""
    return {name: value for name, value in delivery.headers.items() if name != "Nats-Msg-Id"}
