"""What the door knows of tenants, devices and members; the unknown is asked from the registry, refused if that is down."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import httpx

from chassis.bus import Bus
from chassis.db import Database
from chassis.errors import Transient
from chassis.memory import Memory
from chassis.news import News
from chassis.outgoing import http_client
from chassis.service_tokens import ServiceTokens
from chassis.together import Together
from contracts.subjects import FEED, FEED_PREFIX, feed_subject
from services.bff.audiences import token
from services.bff.projector import queries

SUBJECTS = tuple(f"{FEED_PREFIX}.*.{audience}" for audience in ("all", "o.*", "d.*"))
"""What the feed says of tenants, members and devices. It is written in the transaction that changes the projection, so
who hears it finds the change there."""
REMEMBERED = 50_000


class RegistryUnavailable(Transient):
    """The registry did not answer, and what was asked is not known here."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a member may work, and as what."""

    properties: frozenset[str]
    backoffice_roles: frozenset[str]
    is_active: bool = True
    """False for a member that was deactivated."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the own projection says of who knocks; None is what it does not know."""

    tenant_id: UUID
    member_id: str
    status: str | None
    device_id: UUID | None
    is_revoked: bool
    scope: Scope | None

    @property
    def is_whole(self) -> bool:
        """Whether nobody needs to be asked, so that it may be remembered."""
        return None not in (self.status, self.device_id, self.scope)

    def names(self) -> Iterator[str]:
        """The subjects of the feed on which changes of it are said."""
        for audience in ("all", f"o.{token(self.member_id)}", f"d.{self.device_id}"):
            yield feed_subject(self.tenant_id, audience)


class Directory:
    """Remembers while it hears the feed, else reads the own projection; methods that ask raise RegistryUnavailable."""

    def __init__(
        self, database: Database, bus: Bus, registry_url: str, tokens: ServiceTokens, *, seconds: float
    ) -> None:
        """`seconds`: for so long something is remembered at most."""
        self._database = database
        self._memory: Memory[tuple[UUID, str, str], Standing] = Memory(REMEMBERED, seconds, Standing.names)
        self._reads: Together[tuple[UUID, str, str], Standing] = Together(self._read)
        self.news = News(bus, FEED, SUBJECTS, lambda subject, _: self._memory.touch(subject))
        self._http = http_client(base_url=registry_url, auth=tokens.auth("registry"), timeout=3.0)

    def remembered(self, tenant_id: UUID, jkt: str, member_id: str) -> Standing | None:
        """What is known to be true now without a look."""
        return self._memory.get((tenant_id, jkt, member_id), self.news, time.monotonic())

    async def standing(self, tenant_id: UUID, jkt: str, member_id: str) -> Standing:
        """Of a member on the device that holds this key. Raises DatabaseUnavailable."""
        load = self._memory.begin(self.news, time.monotonic())
        found = None
        try:
            found = await self._reads.ask((tenant_id, jkt, member_id))
        finally:
            is_whole = found is not None and found.is_whole
            self._memory.end(load, (tenant_id, jkt, member_id), found if is_whole else None, self.news)
        return found

    async def _read(self, callers: Sequence[tuple[UUID, str, str]]) -> list[Standing]:
        """Of many tenants in one snapshot, so the query itself keeps them apart."""
        tenant_ids, jkts, member_ids = zip(*callers, strict=True)
        async with self._database.platform_reading() as tx:
            found = queries.standings(tx, tenant_ids=tenant_ids, jkts=jkts, member_ids=member_ids)
            rows = [row async for row in found]
        return [
            Standing(
                tenant_id,
                member_id,
                row["status"],
                row["device_id"],
                bool(row["is_revoked"]),
                None if row["properties"] is None else scope_from(row),
            )
            for (tenant_id, _, member_id), row in zip(callers, rows, strict=True)
        ]

    async def ask_status(self, tenant_id: UUID) -> str | None:
        """The tenant's status; None when there is no such tenant."""
        found = await self.ask(f"/internal/v1/directory/tenants/{tenant_id}")
        return None if found is None else str(found["status"])

    async def ask_device(self, tenant_id: UUID, jkt: str) -> UUID | None:
        """The device in use that holds this key; None when there is none, or it was revoked."""
        found = await self.ask(f"/internal/v1/directory/tenants/{tenant_id}/devices/{jkt}")
        return None if found is None else UUID(found["device_id"])

    async def ask_scope(self, tenant_id: UUID, member_id: str) -> Scope | None:
        """Where a member may work; None when there is no such member."""
        found = await self.ask(f"/internal/v1/directory/tenants/{tenant_id}/members/{member_id}")
        return None if found is None else scope_from(found)

    async def ask(self, path: str) -> dict[str, Any] | None:
        """What the registry answers at `path`; None for what it does not know. Raises RegistryUnavailable."""
        try:
            answer = await self._http.get(path)
            if answer.status_code == 404:
                return None
            found: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryUnavailable(f"the registry cannot be asked: {error!r}") from error
        return found

    async def close(self) -> None:
        await self._http.aclose()


def scope_from(row: Any) -> Scope:
    return _scope(tuple(row["properties"]), tuple(row["backoffice_roles"]), bool(row["is_active"]))


@lru_cache(maxsize=10_000)
def _scope(properties: tuple[str, ...], roles: tuple[str, ...], is_active: bool) -> Scope:
    """One object for all who may do the same."""
    return Scope(frozenset(properties), frozenset(roles), is_active)
