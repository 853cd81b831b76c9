"""What the notifier asks the registry at the moment of sending: the tenant and who is to be told."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from chassis.errors import Transient
from chassis.service_tokens import ServiceTokens
from services.notifier.mails import Recipient


class RegistryUnavailable(Transient):
    """The registry did not answer; the mail is held."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """The tenant's present name and status, and the members with the role."""

    tenant: str
    status: str
    recipients: list[Recipient]


class Directory:
    """Internal HTTP to the registry, as the notifier."""

    def __init__(self, registry_url: str, tokens: ServiceTokens) -> None:
        self._http = httpx.AsyncClient(
            base_url=registry_url, auth=tokens.auth("registry"), timeout=5.0, trust_env=False
        )

    async def addressees(self, tenant_id: UUID, role: str) -> Addressees:
        """Raises RegistryUnavailable."""
        path = f"/internal/v1/directory/tenants/{tenant_id}"
        try:
            tenant = (await self._http.get(path)).raise_for_status().json()
            found = (
                (await self._http.get(f"{path}/recipients", params={"role": role})).raise_for_status().json()
            )
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryUnavailable(f"the registry cannot be asked: {error!r}") from error
        return Addressees(tenant["name"], tenant["status"], [Recipient(**row) for row in found["recipients"]])

    async def close(self) -> None:
        await self._http.aclose()
