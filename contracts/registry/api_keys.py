"""API keys. No secret and no digest of one travels on the bus."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Time


class ApiKeyEvent(Event):
    """An event about one API key. Neither the key nor anything computed from it travels on the bus."""

    aggregate: ClassVar = "api_key"
    aggregate_field: ClassVar = "key_id"

    tenant_id: UUID
    key_id: UUID


class ApiKeyCreatedV1(ApiKeyEvent):
    """A key was issued; `predecessor_id` names the one that it replaces after a rotation."""

    type: ClassVar = "registry.api_key.created.v1"

    project_id: str
    product: str
    scopes: tuple[str, ...]
    expires_at: Time | None
    predecessor_id: UUID | None


class ApiKeyRotatedV1(ApiKeyEvent):
    """The key has a successor and ends at `retires_at`. Answers about it that were kept are stale from now on."""

    type: ClassVar = "registry.api_key.rotated.v1"

    successor_id: UUID
    retires_at: Time


class ApiKeyRevokedV1(ApiKeyEvent):
    """The key opens nothing any more. Answers about it that were kept are stale from now on."""

    type: ClassVar = "registry.api_key.revoked.v1"

    reason: Literal["revoked", "leaked"]
    revoked_at: Time


class ApiKeyExpiringV1(ApiKeyEvent):
    """The key ends in `days_left` days (14, 3, or 0: now) and has no successor. Said once for each of them."""

    type: ClassVar = "registry.api_key.expiring.v1"

    days_left: int
    expires_at: Time
    warned_at: Time
