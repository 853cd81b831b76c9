"""The demo tenant in a real database, products as real HTTP servers, an identity provider in memory."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from joserfc.jwk import ECKey

from chassis.clock import Clock
from chassis.db import Database
from chassis.service_tokens import ServiceTokens
from contracts.capabilities import DEMO_TENANT_ID
from services.registry.demo.products import HttpProducts
from services.registry.demo.reset import DemoResets
from services.registry.identity import MemberState, NewMember
from services.registry.products.client import ProductClient
from tests.integration.notifier.outside import Issuer
from tests.integration.notifier.peer import Answer, Peer, answering, json_response
from tests.integration.registry.life import LADDER, Life

GOOD = {
    "product": "any",
    "tenant_id": str(DEMO_TENANT_ID),
    "counts": {"documents": 12, "users": 3},
    "checksum": "a" * 64,
}
NIGHT = timedelta(days=1)


def says(**changed: Any) -> Answer:
    return answering(200, json_response({**GOOD, **changed}).split(b"\r\n\r\n", 1)[1])


@dataclass
class People:
    """Organisations and members of an identity provider; each call finds what an earlier one made."""

    members: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    down: bool = False

    async def find_or_create_organisation(self, operation_id: str, alias: str, name: str) -> str:
        del alias, name
        return f"org-{operation_id}"

    async def find_or_create_member(self, org_id: str, member: NewMember) -> str:
        del org_id
        return self.members.setdefault(member.email, f"m-{len(self.members)}")

    async def set_member(self, org_id: str, member_id: str, state: MemberState) -> None:
        """What this says of members is another test's matter."""

    async def set_attributes(self, org_id: str, attributes: dict[str, list[str]]) -> None:
        del org_id
        self.attributes = attributes

    async def keep_members(self, org_id: str, member_ids: list[str]) -> None:
        del org_id
        self.members = {email: id_ for email, id_ in self.members.items() if id_ in member_ids}


@dataclass
class DemoStage:
    """Nodes share the database and the products."""

    life: Life
    issuer: Issuer
    people: People = field(default_factory=People)
    clients: list[ProductClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = tokens_of(self.issuer.url)

    @property
    def admin(self) -> asyncpg.Connection:
        return self.life.admin

    def node(
        self, database: Database | None = None, seconds: float = 5.0, clock: Clock | None = None
    ) -> DemoResets:
        database = database or self.life.database
        self.clients.append(ProductClient(self.tokens, seconds=seconds, most_bytes=65_536))
        products = HttpProducts(database, self.clients[-1])
        return DemoResets(database, self.people, products, clock or self.life.clock, LADDER)

    async def close(self) -> None:
        for client in self.clients:
            await client.close()

    async def product(self, key: str, peer: Peer, version: str = "1.0.0") -> None:
        """From now on the product is at this address."""
        manifest = await self.admin.fetchval("select manifest from registry.product where key = $1", key)
        changed = {**json.loads(manifest), "api_base": peer.origin, "version": version}
        sql = "update registry.product set manifest = $2, version = $3 where key = $1"
        await self.admin.execute(sql, key, orjson.dumps(changed).decode(), version)

    def go_to(self, text: str) -> None:
        self.life.clock.advance(datetime.fromisoformat(text).replace(tzinfo=UTC) - self.life.clock.now())

    async def nights(self) -> list[dict[str, Any]]:
        found = await self.admin.fetch(
            "select * from registry.demo_reset where outcome is not null order by finished_at"
        )
        return [dict(row) for row in found]

    async def open(self) -> dict[str, Any]:
        found = await self.admin.fetchrow("select * from registry.demo_reset where outcome is null")
        assert found is not None
        return dict(found)

    async def said(self, verb: str) -> list[dict[str, Any]]:
        return [data for told, data in await self.life.said(DEMO_TENANT_ID) if told == verb]

    async def count(self, table: str) -> int:
        sql = f"select count(*) from registry.{table} where tenant_id = $1"  # noqa: S608  # names of the tests
        return int(await self.admin.fetchval(sql, DEMO_TENANT_ID))


def tokens_of(issuer: str) -> ServiceTokens:
    key = ECKey.generate_key("P-256").as_dict(private=True)
    return ServiceTokens(issuer, "registry", json.dumps(key))
