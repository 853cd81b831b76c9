"""Publisher tokens: 256 random bits, of which the table has the SHA-256 only, so a lookup needs no slow hash."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as File
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Request

from chassis import outbox
from chassis.context import set_actor
from chassis.db import Database, ReadTx, Tx, load_queries
from chassis.errors import Unauthorized
from chassis.ids import uuid7
from contracts.audit import PublisherTokenIssuedV1, PublisherTokenRevokedV1
from services.audit.records.errors import ProjectNotFound, TokenNotFound, TokenRevoked, TokenTooNarrow

queries: Any = load_queries(File(__file__).with_name("queries.sql"))

ProjectId = Annotated[str, Path(min_length=1, max_length=64)]
PREFIX = "tap_"
SCHEMES = ("token=", "Token token=")
"""Retraced's client sends the first with what it posts and the second with what it reads."""
CHALLENGE = {"WWW-Authenticate": 'Token realm="audit"'}
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Publisher:
    """What a good token says: it posts into one project of one tenant."""

    token_id: UUID
    tenant_id: UUID
    project_id: str
    product: str | None
    may_read: bool
    personal_fields: frozenset[str]
    """Names of fields of events whose values are personal data."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """What is asked for."""

    name: str
    project_id: str
    product: str | None
    may_read: bool
    personal_fields: tuple[str, ...]


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def issue(tx: Tx, tenant_id: UUID, asked: NewToken, created_by: str, now: datetime) -> tuple[UUID, str]:
    """The new token's id, and the token: it is in this answer and nowhere else."""
    token_id, token = uuid7(), PREFIX + secrets.token_urlsafe(32)
    await queries.add_token(
        tx,
        token_id=token_id,
        tenant_id=tenant_id,
        project_id=asked.project_id,
        name=asked.name,
        product=asked.product,
        may_read=asked.may_read,
        personal_fields=list(asked.personal_fields),
        digest=digest_of(token),
        created_by=created_by,
        at=now,
    )
    issued = PublisherTokenIssuedV1(
        tenant_id=tenant_id,
        token_id=token_id,
        project_id=asked.project_id,
        product=asked.product,
        may_read=asked.may_read,
    )
    await outbox.add(tx, issued, aggregate_version=1)
    return token_id, token


async def found(tx: ReadTx, tenant_id: UUID, token_id: UUID) -> Mapping[str, Any]:
    """Raises TokenNotFound."""
    return known(await queries.token(tx, tenant_id=tenant_id, token_id=token_id), token_id)


async def lock(tx: Tx, tenant_id: UUID, token_id: UUID) -> Mapping[str, Any]:
    """Raises TokenNotFound."""
    return known(await queries.lock_token(tx, tenant_id=tenant_id, token_id=token_id), token_id)


def known(row: Mapping[str, Any] | None, token_id: UUID) -> Mapping[str, Any]:
    if row is None:
        raise TokenNotFound(f"there is no publisher token {token_id}")
    return row


async def revoke(tx: Tx, tenant_id: UUID, row: Mapping[str, Any], now: datetime) -> None:
    """From the next request on it opens nothing. Raises TokenRevoked for one that is revoked already."""
    if row["revoked_at"] is not None:
        raise TokenRevoked("the token was revoked before")
    await queries.revoke_token(tx, tenant_id=tenant_id, token_id=row["token_id"], at=now)
    said = PublisherTokenRevokedV1(
        tenant_id=tenant_id, token_id=row["token_id"], project_id=row["project_id"]
    )
    await outbox.add(tx, said, aggregate_version=row["row_version"] + 1)


def publisher_of(row: Mapping[str, Any]) -> Publisher:
    return Publisher(**{**row, "personal_fields": frozenset(row["personal_fields"])})


async def found_live(database: Database, token_id: UUID) -> Publisher:
    """The publisher of a token that may read and was not revoked. Raises Unauthorized."""
    async with database.platform_reading() as tx:
        row = await queries.token_in_force(tx, token_id=token_id)
    if row is None or not row["may_read"]:
        raise Unauthorized("the publisher token behind this was revoked", headers=CHALLENGE)
    return publisher_of(row)


class PublisherGuard:
    """FastAPI dependency: the publisher of `Authorization: token=<token>`, for the project in the path.

    The token is looked up for every request: what cannot be looked up, or was revoked, is refused. Another project than
    the token's is answered as one that does not exist.
    """

    security_scheme = "publisher"

    def __init__(self, database: Database, *, reads: bool = False) -> None:
        self._database = database
        self._reads = reads

    async def __call__(self, request: Request, project_id: ProjectId) -> Publisher:
        given = request.headers.get("authorization", "")
        token = next((given.removeprefix(one) for one in SCHEMES if given.startswith(one)), "")
        if not token.startswith(PREFIX) or len(token) > LONGEST or not token.isascii():
            raise Unauthorized("send `Authorization: token=<publisher token>`", headers=CHALLENGE)
        async with self._database.platform_reading() as tx:  # whose token it is shows in the row
            row = await queries.token_of_digest(tx, digest=digest_of(token))
        if row is None:
            raise Unauthorized("there is no such publisher token, or it was revoked", headers=CHALLENGE)
        publisher = publisher_of(row)
        if project_id != publisher.project_id:
            raise ProjectNotFound(f"there is no project {project_id} for this token")
        if self._reads and not publisher.may_read:
            raise TokenTooNarrow("this token may post and not read")
        set_actor(str(publisher.token_id), "api_key")
        return publisher
