"""The identity provider behind one small interface; the local adapter speaks to the issuer's administration."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import httpx

from chassis.errors import Transient
from chassis.outgoing import http_client
from services.registry.errors import AddressTaken


class IdentityUnavailable(Transient):
    """The identity provider did not answer, or with an error."""


@dataclass(frozen=True, slots=True)
class NewMember:
    """A person to be known in an organisation."""

    email: str
    name: str
    locale: str
    org_roles: list[str]
    backoffice_roles: list[str]
    properties: list[str]


@dataclass(frozen=True, slots=True)
class MemberState:
    """What tokens say of a member, and whether it gets any."""

    org_roles: list[str]
    backoffice_roles: list[str]
    properties: list[str]
    is_active: bool


class IdentityProvider(Protocol):
    """Every call finds what an earlier one made. All raise IdentityUnavailable; that of a member AddressTaken."""

    async def find_or_create_organisation(self, operation_id: str, alias: str, name: str) -> str: ...

    async def find_or_create_member(self, org_id: str, member: NewMember) -> str: ...

    async def set_member(self, org_id: str, member_id: str, state: MemberState) -> None: ...

    async def set_attributes(self, org_id: str, attributes: dict[str, list[str]]) -> None: ...

    async def keep_members(self, org_id: str, member_ids: list[str]) -> None: ...


class LocalIdentity:
    """The development issuer."""

    def __init__(self, admin_url: str, secret: str) -> None:
        self._url = admin_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def find_or_create_organisation(self, operation_id: str, alias: str, name: str) -> str:
        body = {"operation_id": operation_id, "alias": alias, "name": name}
        return str((await self._call("POST", "/organizations", body))["id"])

    async def find_or_create_member(self, org_id: str, member: NewMember) -> str:
        body = {field: getattr(member, field) for field in NewMember.__slots__}
        return str((await self._call("POST", f"/organizations/{org_id}/members", body))["id"])

    async def set_member(self, org_id: str, member_id: str, state: MemberState) -> None:
        await self._call("PUT", f"/organizations/{org_id}/members/{member_id}", asdict(state))

    async def set_attributes(self, org_id: str, attributes: dict[str, list[str]]) -> None:
        await self._call("PUT", f"/organizations/{org_id}/attributes", {"attributes": attributes})

    async def keep_members(self, org_id: str, member_ids: list[str]) -> None:
        """Everybody else in the organisation is removed."""
        await self._call("PUT", f"/organizations/{org_id}/members", {"member_ids": member_ids})

    async def _call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with http_client(timeout=5.0) as http:
                answer = await http.request(method, f"{self._url}{path}", json=body, headers=self._headers)
                if answer.status_code == httpx.codes.CONFLICT:
                    raise AddressTaken("a member of another tenant has this e-mail address")
                found: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise IdentityUnavailable(f"{method} {path}: {error!r}") from error
        return found
