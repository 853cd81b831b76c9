"""The catalogue, and what is used of it."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Time


class ProductPublishedV1(Event):
    """A product's manifest of this version is in the catalogue."""

    type: ClassVar = "registry.product.published.v1"
    aggregate: ClassVar = "product"
    aggregate_field: ClassVar = "key"

    tenant_id: None = None
    key: str
    version: str
    frontend: Literal["interactive", "widget", "headless"]
    checksum: str


class ProductRetiredV1(Event):
    """Nobody can buy the product any more."""

    type: ClassVar = "registry.product.retired.v1"
    aggregate: ClassVar = "product"
    aggregate_field: ClassVar = "key"

    tenant_id: None = None
    key: str
    version: str


class UsageQuotaReachedV1(Event):
    """A tenant in trial has used up what the product gives away; said once per metric."""

    type: ClassVar = "registry.usage.quota_reached.v1"
    aggregate: ClassVar = "tenant"
    aggregate_field: ClassVar = "tenant_id"

    tenant_id: UUID
    product: str
    metric: str
    quota: int
    reached_at: Time
