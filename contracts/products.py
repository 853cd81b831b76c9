"""The product contract: what the registry asks of a product and what it takes for an answer.

Unknown members of an answer are left out, so that a product may say more. Times are aware UTC.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field

from contracts.event import Time

PROBE_TENANT_ID = uuid.uuid5(uuid.NAMESPACE_URL, "urn:tenantry:probe")
"""A tenant that no customer has: the conformance check seeds it, acts in it and erases it."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Counts = Annotated[dict[Name, Count], Field(max_length=200)]
Checksum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class Answer(BaseModel):
    """An answer of a product: never changes, keeps what it knows."""

    model_config = ConfigDict(frozen=True)


class ProductHealth(Answer):
    """`GET /health`: the product can work."""

    status: Literal["ok"]
    product: Name


class TenantUsage(Answer):
    """What one tenant has used since it came, by metric."""

    tenant_id: UUID
    metrics: Counts


class UsageTotals(Answer):
    """`GET /v1/usage`: totals by tenant, in the order of their ids; `after` goes on after one."""

    product: Name
    tenants: Annotated[list[TenantUsage], Field(max_length=1000)]


class Export(Answer):
    """`POST /v1/tenants/{id}/export`: everything that the product holds of a tenant, by collection."""

    product: Name
    tenant_id: UUID
    collections: Annotated[dict[Name, list[dict[str, Any]]], Field(max_length=200)]
    checksum: Checksum

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.collections.items() if rows}


class Retained(Answer):
    """What stays after an erasure, with the ground on which it may."""

    collection: Name
    count: Count
    ground: Literal["legal_obligation", "legal_claims", "contract"]
    until: date | None = None


class ErasureStatement(Answer):
    """`DELETE /v1/tenants/{id}/data`: what was erased and what is retained, by collection.

    Asked again with nothing new to erase, a product answers the same statement: who lost the first answer gets it.
    """

    statement_id: UUID
    product: Name
    tenant_id: UUID
    erased: Counts
    retained: Annotated[list[Retained], Field(max_length=200)]
    erased_at: Time


class ResetDone(Answer):
    """`POST /v1/tenants/demo/reset`: the tenant holds the seed fixtures and nothing else.

    `POST /v1/tenants/probe/reset` does the same in the probe tenant.
    """

    product: Name
    tenant_id: UUID
    counts: Counts
    checksum: Checksum


class ActionAsked(BaseModel):
    """Body of `POST /v1/tenants/{id}/actions/{action}`; the same `action_id` acts once, however often it is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_id: UUID
    requested_by: Text


class ActionDone(Answer):
    """The action has taken effect."""

    action_id: UUID
    action: Name
    detail: Text
    counts: Counts = {}


def checksum_of(collections: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """SHA-256, in hexadecimal, of the collections that hold something, as JSON with sorted names and no blanks."""
    held = {name: list(rows) for name, rows in collections.items() if rows}
    return hashlib.sha256(orjson.dumps(held, option=orjson.OPT_SORT_KEYS)).hexdigest()
