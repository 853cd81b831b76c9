"""Who takes part in the story."""

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from contracts.roles import OrgRole, RealmRole
from contracts.subjects import SERVICES
from desktop.client import Desktop
from desktop.errors import Refused
from scripts.record_examples.recorder import Caller, Recorder, StoryError
from tenantry.demo.receiver import Receiver
from tenantry.demo.world import World
from tenantry.issuer.signing import Signer
from tenantry.stack.folder import LOCK_VENDOR, PRODUCTS
from tenantry.stack.stack import Stack


class Bearer:
    """Asks with a token that says `claims`."""

    def __init__(self, http: httpx.AsyncClient, signer: Signer, claims: dict[str, Any]) -> None:
        self._http = http
        self._token = signer.sign({"aud": list(SERVICES), "acr": "mfa", **claims}, time.time(), 600)

    async def send(self, method: str, url: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", **headers}
        return await self._http.request(method, url, json=body, headers=headers)


class Nobody:
    """Asks without a token; `sign` makes headers of the body."""

    def __init__(
        self, http: httpx.AsyncClient, sign: Callable[[bytes], dict[str, str]] = lambda _: {}
    ) -> None:
        self._http = http
        self._sign = sign

    async def send(self, method: str, url: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {**headers, "Content-Type": "application/json", **self._sign(content)}
        return await self._http.request(method, url, content=content, headers=headers)


class Desk:
    """Asks as a member on a desktop: bound token, proof, nonce."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def send(self, method: str, url: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        try:
            return await self._desktop.door.request(method, url, body, headers)
        except Refused as refused:
            raise StoryError(f"{method} {url}: {refused}") from refused


@dataclass
class Cast:
    """Everybody. `made_up` holds real → plain, for what the story made itself."""

    world: World
    recorder: Recorder
    signer: Signer
    receiver: Receiver
    folder: Path
    operator: Caller
    nobody: Caller
    made_up: dict[str, str] = field(default_factory=dict)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    desktop: Desktop = field(init=False)
    """From the sign-in on."""
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    def of_service(self, name: str) -> Caller:
        """A service, or `product:<key>`."""
        claims = {"sub": name, "realm_access": {"roles": [f"service:{name}"]}}
        return Bearer(self.world.http, self.signer, claims)

    def of_tenant(self, role: OrgRole, **more: Any) -> Caller:
        """A member of the story's tenant."""
        organisation = {"seaview": {"id": "organisation", "tenant_id": [self.recorder.ids["tenant_id"]]}}
        claims = {"sub": f"member-{role.value.lower()}", "groups": [f"/{role.value}"]}
        return Bearer(self.world.http, self.signer, {**claims, "organization": organisation, **more})

    def name(self, plain: str) -> str:
        """A name that no other run has; the example shows `plain`."""
        joint = "_" if "_" in plain else "-"
        real = f"{plain}{joint}{secrets.token_hex(5)}"
        self.made_up[real] = plain
        return real

    def hide(self, real: str, plain: str) -> str:
        """Show `plain` for a value that the stack made."""
        self.made_up[real] = plain
        return real

    def day(self, days: int) -> str:
        """So many days from now."""
        return (self.began + timedelta(days=days)).date().isoformat()

    def real(self, plain: str) -> str:
        """What `plain` stands for in this run."""
        return next(real for real, shown in self.made_up.items() if shown == plain)

    def instant(self, days: int) -> str:
        return (self.began + timedelta(days=days)).isoformat(timespec="seconds")


@asynccontextmanager
async def assemble(stack: Stack, folder: Path) -> AsyncIterator[Cast]:
    """The cast on a running stack; `folder` is for the desktop."""
    world = World(stack)
    signer = Signer.kept_in(stack.folder.path / "issuer" / "issuer.sqlite", stack.url("issuer"))
    claims = {"sub": "operator", "realm_access": {"roles": [RealmRole.PLATFORM_ADMIN.value]}}
    operator = Bearer(world.http, signer, claims)
    recorder = Recorder({service: stack.url(service) for service in SERVICES})
    async with Receiver() as receiver:
        cast = Cast(world, recorder, signer, receiver, folder, operator, Nobody(world.http))
        cast.hide(receiver.url, "https://hooks.seaview.example/tenantry")
        for name in ("issuer", *SERVICES, *PRODUCTS, LOCK_VENDOR):
            cast.hide(stack.url(name), f"https://{name.replace('_', '-')}.tenantry.example")
        async with cast.closing as closing:
            closing.push_async_callback(world.close)
            yield cast
