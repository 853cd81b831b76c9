"""Guests as the door would have let them in."""

from uuid import UUID

from chassis.dpop import Proof
from chassis.ids import uuid7
from contracts.claims import Claims
from services.bff.directory import Scope
from services.bff.door import Guest


def guest_of(tenant_id: UUID, proof: Proof) -> Guest:
    """Somebody of this tenant."""
    claims = Claims("m", "t", frozenset({"bff"}), 2**40, tenant_id=tenant_id)
    return Guest(claims, tenant_id, uuid7(), "m", Scope(frozenset(), frozenset()), proof)
