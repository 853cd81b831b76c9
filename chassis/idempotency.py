"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): the outcome is stored in the transaction of the effect.

Scoped to principal, method and path, kept for at least 24 hours. Only committed outcomes are replayed.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request, Response

from chassis.clock import Clock
from chassis.db import Tx
from chassis.errors import Conflict, DomainError, Invalid

KEPT = timedelta(hours=24)
MOST_KEY = 255
REPLAYED = "Idempotency-Replayed"
LOCK = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))"
FIND = """
select request_hash, status, headers, body from idempotency
where principal = $1 and method = $2 and path = $3 and key = $4
"""
KEEP = """
insert into idempotency (tenant_id, principal, method, path, key, request_hash, status, headers, body, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


PURGE = "delete from idempotency where created_at < $1"


class KeyRequired(DomainError):
    """The header is missing or not usable."""

    code = "CHASSIS.IDEMPOTENCY_KEY_REQUIRED"
    status = 400


class KeyInFlight(Conflict):
    """The first request with this key has not ended."""

    code = "CHASSIS.IDEMPOTENCY_KEY_IN_FLIGHT"


class KeyReused(Invalid):
    """The key stands for another request."""

    code = "CHASSIS.IDEMPOTENCY_KEY_REUSED"


async def require_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="A new one for each new intent, the same one for each new try of it",
            examples=["7f0c2a52-6f0f-4c3c-9a35-2f8f7d0b8f5e"],
            json_schema_extra={"minLength": 1, "maxLength": MOST_KEY, "pattern": "^[!-~]+$"},
        ),
    ] = None,  # checked by `key_of`; declared so that the document tells it
) -> str:
    """The key, refused before anything is done. Raises KeyRequired."""
    del idempotency_key
    return key_of(request)


Keyed = Annotated[str, Depends(require_key)]
"""A parameter of every route that calls `once`, after the one that says who is calling."""


def key_of(request: Request) -> str:
    """The request's key. Raises KeyRequired."""
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= MOST_KEY or not key.isprintable():
        raise KeyRequired(
            "send `Idempotency-Key: <1 to 255 printable characters>`, a new one for each new intent",
            french="envoyez `Idempotency-Key: <1 à 255 caractères imprimables>`, une nouvelle pour chaque intention",
        )
    return key


async def once(
    request: Request,
    tx: Tx,
    clock: Clock,
    principal: str,
    tenant_id: UUID | None,
    effect: Callable[[], Awaitable[tuple[int, Any]]],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Run `effect` (answers status and JSON body) unless this key's outcome is stored; then answer that one.

    `headers` are read after the effect, sent and stored with it (`Location`, `ETag`). Raises KeyRequired, KeyInFlight,
    KeyReused.
    """
    key = key_of(request)
    # Whoever acts for two tenants is two principals: rows of another tenant are invisible here, yet would collide.
    place = (f"{tenant_id or '_'}/{principal}", request.method, request.url.path, key)
    digest = hashlib.sha256(request.scope["query_string"] + b"\n" + await request.body()).digest()
    if not await tx.fetchval(LOCK, "|".join(("idempotency", tx.service, *place))):
        raise KeyInFlight(
            "the first request with this key is still running",
            french="la première requête portant cette clé est encore en cours",
            headers={"Retry-After": "1"},
        )
    known = await tx.fetchrow(FIND, *place)
    if known is not None:
        if bytes(known["request_hash"]) != digest:
            raise KeyReused(
                "this key was used with another body; use a new key for a new intent",
                french="cette clé a servi avec un autre contenu ; prenez une nouvelle clé pour une autre intention",
            )
        return _answer(known["status"], bytes(known["body"]), {**known["headers"], REPLAYED: "true"})
    status, answer = await effect()
    encoded = b"" if status == 204 else orjson.dumps(answer)
    kept = dict(headers or {})
    await tx.execute(KEEP, tenant_id, *place, digest, status, kept, encoded, clock.now())
    return _answer(status, encoded, kept)


def is_replayed(answer: Response) -> bool:
    """Whether `once` gave an earlier request's outcome: then what follows the transaction was begun by that one."""
    return REPLAYED in answer.headers


async def purge(tx: Tx, now: datetime) -> None:
    """As worker: forget the keys whose time is over."""
    await tx.execute(PURGE, now - KEPT)


def _answer(status: int, body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, status, headers, "application/json" if body else None)
