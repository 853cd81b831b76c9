"""Wishes of customers and prospects. Who asks, and why, does not travel on the bus."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Time


class LeadRequestedV1(Event):
    """Somebody wants something that only sales can give; said once per open wish."""

    type: ClassVar = "registry.lead.requested.v1"
    aggregate: ClassVar = "lead"
    aggregate_field: ClassVar = "lead_id"

    tenant_id: UUID
    lead_id: UUID
    kind: Literal["product_request", "trial_request", "upgrade_request"]
    product: str | None
    requested_at: Time


class TrialRequestedV1(Event):
    """Somebody asked for a trial and gets a link by mail. `tenant_id` is the tenant's to be, if the link is used."""

    type: ClassVar = "registry.trial.requested.v1"
    aggregate: ClassVar = "trial"
    aggregate_field: ClassVar = "trial_id"

    tenant_id: UUID
    trial_id: UUID
    expires_at: Time
