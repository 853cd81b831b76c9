"""The routes of leads, trials and the demo tenant in this process, and people who call them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from chassis.auth import Authenticate
from chassis.health import Health
from chassis.http import create_api
from chassis.pages import PageTokens
from services.registry import addressees
from services.registry.demo import api as demo
from services.registry.leads import api as leads
from services.registry.leads.crm import Crm, LocalCrm
from services.registry.leads.pushes import CrmPusher
from services.registry.trials import api as trials
from services.registry.trials.links import Links
from tests.integration.registry.demo_stage import People
from tests.integration.registry.key_stage import Callers, settings_of
from tests.integration.registry.life import Life

LINKS = Links("made-up", "https://portal.example")


@dataclass
class Desk:
    """`life` has the database and the clock, `crm` the folder of documents."""

    life: Life
    http: httpx.AsyncClient
    callers: Callers
    people: People
    folder: Path

    def member(self, tenant_id: UUID, role: str = "IT_ADMIN", **about: Any) -> dict[str, str]:
        return self.callers.add(tenant_id=tenant_id, org_roles=frozenset({role}), **about)

    def operator(self, role: str = "PLATFORM_ADMIN", **about: Any) -> dict[str, str]:
        return self.callers.add(realm_roles=frozenset({role}), **about)

    def service(self, name: str = "notifier") -> dict[str, str]:
        return self.callers.add(service=name)

    async def post(
        self, path: str, who: dict[str, str], body: Any = None, method: str = "POST", **headers: str
    ) -> httpx.Response:
        headers = {"Idempotency-Key": uuid4().hex, **who, **headers}
        return await self.http.request(method, path, json=body, headers=headers)

    async def get(self, path: str, who: dict[str, str], **query: Any) -> httpx.Response:
        return await self.http.get(path, headers=who, params=query)

    def pusher(self, crm: Crm | None = None) -> CrmPusher:
        return CrmPusher(self.life.database, crm or LocalCrm(self.folder), self.life.clock, every=1)

    def documents(self, doctype: str) -> list[Path]:
        return sorted((self.folder / doctype).glob("*.json"))


@contextlib.asynccontextmanager
async def desk_of(life: Life, folder: Path, **changed: Any) -> AsyncIterator[Desk]:
    callers, people = Callers(), People()
    authenticate, settings = Authenticate(callers), settings_of(**changed)
    routers = [
        leads.router(life.database, authenticate, life.clock, PageTokens(b"made-up")),
        trials.router(life.database, people, life.clock, settings, LINKS),
        demo.router(life.database, authenticate, life.clock),
        addressees.router(life.database, authenticate, life.clock, settings, LINKS),
    ]
    app = create_api(
        service="registry", version="1", routers=routers, health=Health({}), max_body_bytes=100_000, request_seconds=20
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://registry") as http:
        yield Desk(life, http, callers, people, folder)
