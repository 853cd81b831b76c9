"""What the notifier asks the registry at the moment of sending: the tenant and who is to be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from chassis.errors import Permanent, Transient
from chassis.outgoing import http_client
from chassis.service_tokens import ServiceTokens
from services.notifier.mails import Recipient
from services.notifier.model import is_inside

UNKNOWN = frozenset({"REGISTRY.TENANT_NOT_FOUND", "REGISTRY.LEAD_NOT_FOUND", "REGISTRY.TRIAL_LINK_INVALID"})


class RegistryUnavailable(Transient):
    """The registry did not answer; the mail is held."""


class TenantUnknown(Permanent):
    """The registry answered that there is no such tenant, lead or trial."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """The tenant's present name and status, and whom to tell; `data` is what only the registry may say of it."""

    tenant: str
    status: str
    recipients: list[Recipient]
    data: Mapping[str, Any] = field(default_factory=dict)


NOBODY = Addressees("", "", [])


class Directory:
    """Internal HTTP to the registry, as the notifier."""

    def __init__(self, registry_url: str, tokens: ServiceTokens) -> None:
        self._http = http_client(base_url=registry_url, auth=tokens.auth("registry"), timeout=5.0)

    async def addressees(self, tenant_id: UUID, role: str) -> Addressees:
        """Raises TenantUnknown, RegistryUnavailable. Fields that a newer registry adds are left out."""
        path = f"/internal/v1/directory/tenants/{tenant_id}"
        try:
            if is_inside(role):
                found = await self._get(f"/internal/v1/directory/{role}/recipients")
                return Addressees("", "", recipients_of(found), dict(found["data"]))
            tenant = await self._get(path)
            found = await self._get(f"{path}/recipients", role=role)
            return Addressees(tenant["name"], tenant["status"], recipients_of(found))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise RegistryUnavailable(f"the registry cannot be asked: {error!r}") from error

    async def _get(self, path: str, **params: str) -> Any:
        answer = await self._http.get(path, params=params)
        if answer.status_code == 404 and answer.json()["code"] in UNKNOWN:
            raise TenantUnknown(f"the registry knows nothing at {path}")
        return answer.raise_for_status().json()

    async def close(self) -> None:
        await self._http.aclose()


def recipients_of(found: Any) -> list[Recipient]:
    return [
        Recipient(row["member_id"], row["email"], row["name"], row["locale"]) for row in found["recipients"]
    ]
