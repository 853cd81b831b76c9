"""What the door knows of tenants, devices and members; the unknown is asked from the registry, refused if that is down."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from chassis.db import Database
from chassis.errors import Transient
from chassis.outgoing import http_client
from chassis.service_tokens import ServiceTokens
from services.bff.projector import queries


class RegistryUnavailable(Transient):
    """The registry did not answer, and what was asked is not known here."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a member may work, and as what."""

    properties: frozenset[str]
    backoffice_roles: frozenset[str]
    is_active: bool = True
    """False for a member that was deactivated."""


class Directory:
    """Reads the own projection first. Methods raise RegistryUnavailable for the unknown while the registry is down."""

    def __init__(self, database: Database, registry_url: str, tokens: ServiceTokens) -> None:
        self._database = database
        self._http = http_client(base_url=registry_url, auth=tokens.auth("registry"), timeout=3.0)

    async def status_of(self, tenant_id: UUID) -> str | None:
        """The tenant's status; None when there is no such tenant."""
        async with self._database.reading(tenant_id) as tx:
            known: str | None = await queries.tenant_status(tx, tenant_id=tenant_id)
        if known is not None:
            return known
        found = await self.ask(f"/internal/v1/directory/tenants/{tenant_id}")
        return None if found is None else str(found["status"])

    async def device_of(self, tenant_id: UUID, jkt: str) -> UUID | None:
        """The device in use that holds this key; None when there is none, or it was revoked."""
        async with self._database.reading(tenant_id) as tx:
            row = await queries.device_by_key(tx, tenant_id=tenant_id, jkt=jkt)
        if row is not None:
            return None if row["is_revoked"] else UUID(str(row["device_id"]))
        found = await self.ask(f"/internal/v1/directory/tenants/{tenant_id}/devices/{jkt}")
        return None if found is None else UUID(found["device_id"])

    async def scope_of(self, tenant_id: UUID, member_id: str) -> Scope | None:
        async with self._database.reading(tenant_id) as tx:
            row = await queries.member_by_id(tx, tenant_id=tenant_id, member_id=member_id)
        if row is None:
            row = await self.ask(f"/internal/v1/directory/tenants/{tenant_id}/members/{member_id}")
        if row is None:
            return None
        return Scope(
            frozenset(row["properties"]), frozenset(row["backoffice_roles"]), bool(row.get("is_active", True))
        )

    async def ask(self, path: str) -> dict[str, Any] | None:
        """What the registry answers at `path`; None for what it does not know. Raises RegistryUnavailable."""
        try:
            answer = await self._http.get(path)
            if answer.status_code == 404:
                return None
            found: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryUnavailable(f"the registry cannot be asked: {error!r}") from error
        return found
