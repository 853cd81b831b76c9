"""Events of the registry that the notifier hears, made by hand."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from chassis.ids import uuid7
from contracts.envelope import Envelope, Message
from contracts.event import Event
from contracts.registry import EntitledProduct, EntitlementsChangedV1, TenantActivatedV1, TenantFrozenV1
from contracts.subjects import schema_of, source_of
from tests.integration.chassis.numbered_events import EPOCH, Numbered

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def happened(event: Event, sequence: int = 1) -> Numbered:
    """As the registry's relay publishes it."""
    envelope = Envelope(
        id=uuid7(),
        source=source_of("registry"),
        type=event.type,
        time=datetime.now(UTC),
        subject=f"{event.aggregate}/{event.aggregate_id}",
        tenant_id=event.tenant_id,
        aggregate_version=sequence,
        dataschema=schema_of(event.type),
        traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
        sequence=sequence,
        epoch=EPOCH,
    )
    return Numbered(envelope, event.data())


def message(event: Event, sequence: int = 1) -> Message:
    found = happened(event, sequence)
    return Message(found.envelope, found.data)


def activated(tenant_id: UUID, **changes: Any) -> TenantActivatedV1:
    told: dict[str, Any] = {
        "slug": "acme",
        "plan": "professional",
        "products": ("notetaker", "desk"),
        "source": "sales_order",
        "sales_order": "SO-1",
        "contract_start": date(2027, 1, 1),
        "contract_end": date(2028, 1, 1),
        "ent_v": 1,
        "locale": "en",
        "activated_at": datetime.now(UTC),
    }
    return TenantActivatedV1(tenant_id=tenant_id, **{**told, **changes})


def entitled(tenant_id: UUID, products: int = 1, ent_v: int = 2) -> EntitlementsChangedV1:
    return EntitlementsChangedV1(
        tenant_id=tenant_id,
        ent_v=ent_v,
        plan="professional",
        products=tuple(
            EntitledProduct(key=f"product-{number}", enabled=True, expires_at=None)
            for number in range(products)
        ),
        reason="sales_order",
    )


def frozen(tenant_id: UUID) -> TenantFrozenV1:
    now = datetime.now(UTC)
    return TenantFrozenV1(tenant_id=tenant_id, frozen_reason="non_payment", frozen_at=now, archive_at=now)
