"""The scene: a tenant with its members, two desktops and the customer's own system; made through the public doors."""

import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from chassis.outgoing import http_client
from desktop.client import Desktop, Places
from desktop.keys import EncryptedFileStore
from desktop.signin import Browser
from tenantry.stack.stack import Stack

PROPERTY = "harbour"
OTP = "246810"
BFF_BASE = "/bff/backoffice/v1"


class SceneError(Exception):
    """The scene could not be set; the message holds the server's answer."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the tenant, as the demo signs it in."""

    member_id: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """The tenant of this run."""

    tenant_id: str
    slug: str
    customer: str


class World:
    """Talks to the running stack as an operator would."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = http_client(timeout=20.0)
        self._operator = ""

    async def operator(self) -> dict[str, str]:
        """Headers of an operator."""
        if not self._operator:
            answer = await self.http.post(
                f"{self.stack.url('issuer')}/admin/tokens",
                json={"role": "PLATFORM_ADMIN"},
                headers=self._admin(),
            )
            self._operator = str(answer.raise_for_status().json()["access_token"])
        return {"Authorization": f"Bearer {self._operator}", "Idempotency-Key": uuid.uuid4().hex}

    async def get(self, service: str, path: str, **parameters: Any) -> httpx.Response:
        """As the operator, who says why where somebody wants to know."""
        headers = {**await self.operator(), "Tenantry-Reason": "The main job is followed"}
        return await self.http.get(f"{self.stack.url(service)}{path}", params=parameters, headers=headers)

    async def post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """As the operator. Raises SceneError."""
        answer = await self.http.post(
            f"{self.stack.url(service)}{path}", json=body, headers=await self.operator()
        )
        if not answer.is_success:
            raise SceneError(f"POST {path}: {answer.status_code} {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    async def new_tenant(self, locale: str) -> Tenant:
        """A tenant on trial with one property and an IT admin who reads `locale`."""
        slug = f"hotel-{secrets.token_hex(4)}"
        customer = f"CUST-{slug}"
        body = {
            "slug": slug,
            "name": f"Hotel {slug[-8:]}",
            "locale": locale,
            "erp_customer_id": customer,
            "it_admin": {"email": f"it.admin@{slug}.example", "name": "IT admin", "locale": locale},
        }
        created = await self.post("registry", "/v1/tenants", body)
        place = {"code": PROPERTY, "name": "Harbour"}
        await self.post("registry", f"/v1/tenants/{created['tenant_id']}/properties", place)
        return Tenant(created["tenant_id"], slug, customer)

    async def new_person(self, tenant: Tenant, name: str, role: str) -> Person:
        """A member who can sign in with a second factor."""
        email = f"{name}@{tenant.slug}.example"
        body = {
            "email": email,
            "name": name,
            "org_roles": ["USER"],
            "backoffice_roles": [role],
            "properties": [PROPERTY],
        }
        member = await self.post("registry", f"/v1/tenants/{tenant.tenant_id}/members", body)
        password = secrets.token_urlsafe(16)
        answer = await self.http.put(
            f"{self.stack.url('issuer')}/admin/members/{member['member_id']}/credentials",
            json={"password": password, "otp": OTP},
            headers=self._admin(),
        )
        answer.raise_for_status()
        return Person(member["member_id"], email, password)

    async def new_endpoint(self, tenant: Tenant, url: str) -> str:
        """The customer's webhook endpoint; answers its secret."""
        body = {"url": url, "event_types": ["tenant.*"]}
        made = await self.post("notifier", f"/v1/tenants/{tenant.tenant_id}/webhook-endpoints", body)
        return str(made["secret"])

    async def new_desktop(self, folder: Path, person: Person, os: str) -> Desktop:
        """A desktop that signed in, enrolled its key and opened a session."""
        desktop = self.desktop(folder)
        await desktop.sign_in(self.browser(person))
        await desktop.enrol(os=os, property_=PROPERTY, cohort="front_desk")
        await desktop.open_session(os=os, property_=PROPERTY)
        return desktop

    def desktop(self, folder: Path) -> Desktop:
        """A desktop that nobody has used yet."""
        places = Places(
            self.stack.url("issuer"), self.stack.url("registry"), f"{self.stack.url('bff')}{BFF_BASE}"
        )
        keys = EncryptedFileStore(folder / "keys", self.stack.secrets.desktop_passphrase.encode())
        return Desktop(folder, places, keys)

    def browser(self, person: Person) -> Browser:
        """Fills in the issuer's login page as the member would."""

        async def fill_in(address: str) -> str:
            page = await self.http.get(address)
            page.raise_for_status()
            asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
            form = {**asked, "email": person.email, "password": person.password, "otp": OTP}
            answer = await self.http.post(address, data=form, follow_redirects=False)
            if answer.status_code != 303:
                raise SceneError(f"signing in: {answer.status_code} {answer.text[:300]}")
            return answer.headers["location"]

        return fill_in

    async def close(self) -> None:
        await self.http.aclose()

    def _admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stack.secrets.issuer_admin}"}
