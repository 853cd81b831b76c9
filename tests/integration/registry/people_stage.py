"""The routes of projects, members, properties and scopes in this process, keys and usage beside them."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from chassis.auth import Authenticate
from chassis.health import Health
from chassis.http import create_api
from chassis.pages import PageTokens
from services.registry import directory
from services.registry.api_keys import api as keys
from services.registry.api_keys.peppers import Peppers
from services.registry.devices import api as devices
from services.registry.identity import IdentityUnavailable, MemberState, NewMember
from services.registry.members import api as members
from services.registry.members.callers import deactivated_in
from services.registry.members.pushes import MemberPusher
from services.registry.projects import api as projects
from services.registry.properties import api as properties
from services.registry.scopes import api as scopes
from services.registry.usage import api as usage
from tests.integration.registry.key_stage import PEPPER, Callers, settings_of
from tests.integration.registry.life import LADDER, Life


@dataclass
class Provider:
    """An identity provider that keeps what it was told last; it can be down."""

    members: dict[str, Any] = field(default_factory=dict)
    is_down: bool = False

    async def find_or_create_organisation(self, operation_id: str, alias: str, name: str) -> str:
        raise NotImplementedError

    async def set_attributes(self, org_id: str, attributes: dict[str, list[str]]) -> None:
        raise NotImplementedError

    async def keep_members(self, org_id: str, member_ids: list[str]) -> None:
        raise NotImplementedError

    async def find_or_create_member(self, org_id: str, member: NewMember) -> str:
        found = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{org_id}/{member.email}"))
        self.members[found] = MemberState(
            member.org_roles, member.backoffice_roles, member.properties, is_active=True
        )
        return found

    async def set_member(self, org_id: str, member_id: str, state: MemberState) -> None:
        assert org_id
        if self.is_down:
            raise IdentityUnavailable("not now")
        self.members[member_id] = state


@dataclass
class Office:
    """One tenant and those who may change it."""

    life: Life
    http: httpx.AsyncClient
    callers: Callers
    provider: Provider
    tenant_id: UUID
    operator: dict[str, str]

    @property
    def pusher(self) -> MemberPusher:
        return MemberPusher(self.life.database, self.provider, self.life.clock, every=1)

    def caller(self, role: str) -> dict[str, str]:
        return self.callers.add(realm_roles=frozenset({role}))

    def service(self, name: str) -> dict[str, str]:
        return self.callers.add(service=name, realm_roles=frozenset({f"service:{name}"}))

    def url(self, path: str) -> str:
        return path if path.startswith("/internal") else f"/v1/tenants/{self.tenant_id}{path}"

    async def get(self, path: str, *, who: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        return await self.http.get(self.url(path), params=query, headers=who or self.operator)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        of: str | None = None,
        match: str = "",
        key: str = "",
        who: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx.Response:
        """`of` is what is changed: its ETag is read first, unless `match` says another."""
        headers = {**(who or self.operator), "Idempotency-Key": key or uuid.uuid4().hex}
        if of is not None and not match:
            match = (await self.get(of)).headers.get("ETag", '"0"')
        if match and match != "none":
            headers["If-Match"] = match
        return await self.http.request(method, self.url(path), json=body, params=query, headers=headers)

    async def done(self, method: str, path: str, body: Any = None, **about: Any) -> Any:
        """One that is expected to be taken."""
        answer = await self.send(method, path, body, **about)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def new_properties(self, *codes: str) -> None:
        for code in codes:
            await self.done("POST", "/properties", {"code": code, "name": code.title()})

    async def new_member(self, name: str, **about: Any) -> str:
        body = {"email": f"{name}@acme.example", "name": name, **about}
        return str((await self.done("POST", "/members", body))["member_id"])

    async def scope(self, member_id: str) -> dict[str, list[str]]:
        told = (await self.get(f"/members/{member_id}/scopes")).json()
        return {row["property"]: row["backoffice_roles"] for row in told["scopes"]}

    async def said(self, verb: str) -> list[dict[str, Any]]:
        return [body for found, body in await self.life.said(self.tenant_id) if found == verb]


@contextlib.asynccontextmanager
async def office(life: Life) -> AsyncIterator[Office]:
    callers, provider, settings = Callers(), Provider(), settings_of()
    authenticate, tokens = Authenticate(callers, deactivated_in(life.database)), PageTokens(b"made-up")
    shared = (life.database, authenticate)
    app = create_api(
        service="registry",
        version="1",
        routers=[
            projects.router(*shared, life.clock, LADDER, tokens),
            properties.router(*shared, life.clock, LADDER, tokens),
            scopes.router(*shared, life.clock, LADDER, tokens),
            members.router(*shared, provider, life.clock, LADDER, tokens),
            keys.router(*shared, life.clock, settings, Peppers(PEPPER), tokens),
            usage.router(*shared, life.clock),
            devices.router(*shared, life.clock, settings),
            directory.router(*shared, life.clock),
        ],
        health=Health({}),
        max_body_bytes=1_048_576,
        request_seconds=20,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as http:
        operator = callers.add(realm_roles=frozenset({"PLATFORM_ADMIN"}))
        yield Office(life, http, callers, provider, await life.new_trial(), operator)
