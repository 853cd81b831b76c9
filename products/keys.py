"""API keys of customers: asked at the registry, kept as long as it allows."""

import hashlib
import time
from collections import OrderedDict
from typing import Literal
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from chassis.errors import DomainError
from chassis.service_tokens import ServiceTokens, TokenUnavailable
from products.errors import KeyRefused, KeyTooNarrow, RegistryUnavailable, TenantFrozen, TooManyRequests

REMEMBERED = 10_000
LONGEST = 200
REFUSALS: dict[str, type[DomainError]] = {
    "WRONG_TENANT": KeyTooNarrow,
    "WRONG_PRODUCT": KeyTooNarrow,
    "INSUFFICIENT_SCOPE": KeyTooNarrow,
    "TENANT_FROZEN": TenantFrozen,
    "TENANT_ARCHIVED": TenantFrozen,
    "RATE_LIMITED": TooManyRequests,
}


class Verification(BaseModel):
    """What the registry says of a key."""

    valid: bool
    code: str
    tenant_id: UUID | None
    project_id: str | None
    cache_ttl_s: int


class Owner(BaseModel):
    """Whose key it is."""

    tenant_id: UUID
    project_id: str


class ApiKeys:
    """Fails closed: a key that cannot be verified opens nothing."""

    def __init__(self, registry_url: str, tokens: ServiceTokens, http: httpx.AsyncClient) -> None:
        self._url = f"{registry_url.rstrip('/')}/internal/api-keys/verify"
        self._tokens = tokens
        self._http = http
        self._known: OrderedDict[bytes, tuple[Verification, float]] = OrderedDict()

    async def owner(self, authorization: str, scope: Literal["read", "write"]) -> Owner:
        """Raises KeyRefused, KeyTooNarrow, TenantFrozen, TooManyRequests, RegistryUnavailable."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(key) <= LONGEST:
            raise KeyRefused("send `Authorization: Bearer tk_live_…`", headers={"WWW-Authenticate": "Bearer"})
        said = await self._said(key, scope)
        if not said.valid or said.tenant_id is None:
            raise REFUSALS.get(said.code, KeyRefused)(f"the registry says {said.code}", reason=said.code)
        return Owner(tenant_id=said.tenant_id, project_id=said.project_id or "default")

    async def _said(self, key: str, scope: str) -> Verification:
        fingerprint = hashlib.sha256(f"{scope} {key}".encode()).digest()
        said, until = self._known.get(fingerprint, (None, 0.0))
        if said is not None and time.monotonic() < until:
            return said
        asked_at = time.monotonic()
        said = await self._ask(key, scope)
        self._known.pop(fingerprint, None)
        if said.cache_ttl_s > 0:
            self._known[fingerprint] = (said, asked_at + said.cache_ttl_s)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return said

    async def _ask(self, key: str, scope: str) -> Verification:
        body = {"key": key, "scope": scope}
        try:
            answer = await self._http.post(self._url, json=body, auth=self._tokens.auth("registry"))
            return Verification.model_validate(answer.raise_for_status().json())
        except (httpx.HTTPError, ValidationError, ValueError, TokenUnavailable) as error:
            raise RegistryUnavailable(f"the key cannot be verified: {type(error).__name__}") from error
