"""A desktop in the hands of a test: its key, its token, and requests that can be wrong in one chosen way."""

import hashlib
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.db import Database
from chassis.ids import uuid7
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.registry import (
    DeviceEnrolledV1,
    EntitledProduct,
    EntitlementsChangedV1,
    MemberJoinedV1,
    TenantActivatedV1,
    TenantCreatedV1,
)
from contracts.subjects import schema_of, source_of
from desktop.proofs import b64url
from services.bff.projector import remember
from tests.integration.bff.stage import BASE, Issuer


def new_key() -> ECKey:
    return ECKey.generate_key("P-256")


def envelope_of(event: Event, version: int = 1) -> Envelope:
    """As the source would have written it."""
    return Envelope(
        id=uuid7(),
        source=source_of(event.type.partition(".")[0]),
        type=event.type,
        time=datetime.now(UTC),
        subject=f"{event.aggregate}/{event.aggregate_id}",
        tenant_id=event.tenant_id,
        aggregate_version=version,
        dataschema=schema_of(event.type),
    )


async def know(database: Database, event: Event, version: int = 1) -> None:
    """The directory learns a fact; desktops are not told of it."""
    async with database.worker() as tx:
        await remember(tx, envelope_of(event, version), event)


def created(tenant_id: UUID) -> TenantCreatedV1:
    return TenantCreatedV1(
        tenant_id=tenant_id,
        slug="hotel",
        name="Hotel",
        kind="real",
        status="trial",
        plan="trial",
        locale="en",
        time_zone="Europe/Berlin",
        org_id="1",
    )


@dataclass
class Desk:
    """One member on one device. `enrol` makes it known; `token` and `proof` take what a test wants to be wrong."""

    issuer: Issuer
    tenant_id: UUID = field(default_factory=uuid7)
    member_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    device_id: UUID = field(default_factory=uuid7)
    key: ECKey = field(default_factory=new_key)
    properties: tuple[str, ...] = ("harbour",)
    roles: tuple[str, ...] = ("front_desk",)
    nonces: dict[str, str] = field(default_factory=dict)
    """Origin → the nonce that it gave last."""
    claims: dict[str, Any] = field(default_factory=dict)
    """What its tokens say besides."""

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def created(self) -> TenantCreatedV1:
        return created(self.tenant_id)

    def entitled(self, *products: str, ent_v: int = 1) -> EntitlementsChangedV1:
        granted = tuple(EntitledProduct(key=key, enabled=True, expires_at=None) for key in products)
        return EntitlementsChangedV1(
            tenant_id=self.tenant_id, ent_v=ent_v, plan="starter", products=granted, reason="bought"
        )

    def activated(self) -> TenantActivatedV1:
        return TenantActivatedV1(
            tenant_id=self.tenant_id,
            slug="hotel",
            plan="starter",
            products=("notetaker",),
            source="operator",
            sales_order=None,
            contract_start=None,
            contract_end=None,
            ent_v=1,
            locale="en",
            activated_at=datetime.now(UTC),
        )

    def joined(self) -> MemberJoinedV1:
        return MemberJoinedV1(
            tenant_id=self.tenant_id,
            member_id=self.member_id,
            org_roles=("USER",),
            backoffice_roles=self.roles,
            properties=self.properties,
        )

    def enrolled(self) -> DeviceEnrolledV1:
        return DeviceEnrolledV1(
            tenant_id=self.tenant_id,
            device_id=self.device_id,
            jkt=self.jkt,
            member_id=self.member_id,
            property=self.properties[0] if self.properties else "none",
            cohort="front_desk",
        )

    async def enrol(self, database: Database) -> "Desk":
        told = (self.created(), self.activated(), self.entitled("notetaker"), self.joined(), self.enrolled())
        for event in told:
            await know(database, event)
        return self

    def token(self, *, seconds: int = 900, **claims: Any) -> str:
        """An access token; a claim that is None is left out."""
        told = {
            "sub": self.member_id,
            "aud": ["bff", "registry"],
            "organization": {"hotel": {"id": "1", "tenant_id": [str(self.tenant_id)], "plan": ["starter"]}},
            "cnf": {"jkt": self.jkt},
            **self.claims,
            **claims,
        }
        now = time.time()
        kept = {name: value for name, value in told.items() if value is not None}
        return self.issuer.sign(kept, now, seconds)

    def proof(
        self,
        method: str,
        url: str,
        token: str,
        *,
        key: ECKey | None = None,
        header: dict[str, Any] | None = None,
        **claims: object,
    ) -> str:
        """A proof for one request; a claim that is None is left out, `header` goes over what is right."""
        signer = key or self.key
        said: dict[str, object] = {
            "jti": uuid.uuid4().hex,
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "nonce": self.nonces.get(origin_of(url)),
            "ath": b64url(hashlib.sha256(token.encode()).digest()),
            **claims,
        }
        kept = {name: value for name, value in said.items() if value is not None}
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": signer.as_dict(private=False), **(header or {})}
        return jwt.encode(head, kept, signer)

    async def learn_nonce(self, http: httpx.AsyncClient, url: str) -> None:
        """A refusal of the door carries the nonce; so does every answer of the stream's listener."""
        answer = await http.get(f"{origin_of(url)}{BASE}/bootstrap")
        self.nonces[origin_of(url)] = answer.headers["dpop-nonce"]

    async def headers(self, http: httpx.AsyncClient, method: str, url: str) -> dict[str, str]:
        if origin_of(url) not in self.nonces:
            await self.learn_nonce(http, url)
        token = self.token()
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, url, token)}

    async def send(
        self,
        http: httpx.AsyncClient,
        method: str,
        url: str,
        body: Any = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> httpx.Response:
        """A request with nothing wrong in it; a proof names the address without its query (RFC 9449 §4.2)."""
        mine = await self.headers(http, method, url.partition("?")[0])
        return await http.request(method, url, json=body, headers={**mine, **dict(headers)})


def origin_of(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])
