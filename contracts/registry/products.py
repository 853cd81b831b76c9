"""The catalogue, and what is used of it."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Time

Verdict = Literal["conformant", "nonconformant", "unreachable"]


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


class ProductConformanceChangedV1(Event):
    """A product was found to keep the product contract, or not to; said when the verdict is another than before.

    `failed` names the checks that did not hold. The first verdict has no `previous`.
    """

    type: ClassVar = "registry.product.conformance_changed.v1"
    aggregate: ClassVar = "product_conformance"
    aggregate_field: ClassVar = "key"

    tenant_id: None = None
    key: str
    version: str
    verdict: Verdict
    previous: Verdict | None
    failed: tuple[str, ...]
    check_id: UUID
    checked_at: Time


class ProductActionRequestedV1(Event):
    """Somebody asked a product to act on a tenant; written before the product is called."""

    type: ClassVar = "registry.product_action.requested.v1"
    aggregate: ClassVar = "product_action"
    aggregate_field: ClassVar = "action_id"

    tenant_id: UUID
    action_id: UUID
    product: str
    action: str
    is_destructive: bool
    requested_by: str
    requested_at: Time


class ProductActionCompletedV1(Event):
    """What became of an action: `done`, `failed` (nothing was changed), or `unknown` (no answer that says which).

    An outcome that was unknown may become known: then it is said again, with a higher version.
    """

    type: ClassVar = "registry.product_action.completed.v1"
    aggregate: ClassVar = "product_action"
    aggregate_field: ClassVar = "action_id"

    tenant_id: UUID
    action_id: UUID
    product: str
    action: str
    outcome: Literal["done", "failed", "unknown"]
    completed_at: Time
