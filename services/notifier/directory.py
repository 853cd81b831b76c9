"""What the notifier asks the registry at the moment of sending: the tenant and who is to be told."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from chassis.errors import Permanent, Transient
from chassis.service_tokens import ServiceTokens
from services.notifier.mails import Recipient

UNKNOWN = "REGISTRY.TENANT_NOT_FOUND"


class RegistryUnavailable(Transient):
    """The registry did not answer; the mail is held."""


class TenantUnknown(Permanent):
    """The registry answered that there is no such tenant."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """The tenant's present name and status, and the members with the role."""

    tenant: str
    status: str
    recipients: list[Recipient]


NOBODY = Addressees("", "", [])


class Directory:
    """Internal HTTP to the registry, as the notifier."""

    def __init__(self, registry_url: str, tokens: ServiceTokens) -> None:
        self._http = httpx.AsyncClient(
            base_url=registry_url, auth=tokens.auth("registry"), timeout=5.0, trust_env=False
        )

    async def addressees(self, tenant_id: UUID, role: str) -> Addressees:
        """Raises TenantUnknown, RegistryUnavailable. Fields that a newer registry adds are left out."""
        path = f"/internal/v1/directory/tenants/{tenant_id}"
        try:
            tenant = await self._get(path)
            found = await self._get(f"{path}/recipients", role=role)
            recipients = [
                Recipient(row["member_id"], row["email"], row["name"], row["locale"])
                for row in found["recipients"]
            ]
            return Addressees(tenant["name"], tenant["status"], recipients)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise RegistryUnavailable(f"the registry cannot be asked: {error!r}") from error

    async def _get(self, path: str, **params: str) -> Any:
        answer = await self._http.get(path, params=params)
        if answer.status_code == 404 and answer.json()["code"] == UNKNOWN:
            raise TenantUnknown(f"the registry knows nothing at {path}")
        return answer.raise_for_status().json()

    async def close(self) -> None:
        await self._http.aclose()
