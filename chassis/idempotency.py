"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): the outcome is stored in the transaction of the effect.

Scoped to principal, method and path, kept for 24 hours. Only committed outcomes are replayed.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request, Response

from chassis.clock import Clock
from chassis.db import Tx
from chassis.errors import Conflict, DomainError, Invalid

KEPT = timedelta(hours=24)
LOCK = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))"
FIND = """
select request_hash, status, headers, body from idempotency
where principal = $1 and method = $2 and path = $3 and key = $4 and created_at > $5
"""
KEEP = """
insert into idempotency (tenant_id, principal, method, path, key, request_hash, status, headers, body, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


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


async def once(
    request: Request,
    tx: Tx,
    clock: Clock,
    principal: str,
    tenant_id: UUID | None,
    effect: Callable[[], Awaitable[tuple[int, Any]]],
) -> Response:
    """Run `effect` (answers status and JSON body) unless this key's outcome is stored; then answer that one.

    Raises KeyRequired, KeyInFlight, KeyReused.
    """
    key = request.headers.get("idempotency-key") or request.headers.get("x-idempotency-key") or ""
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise KeyRequired(
            "send `Idempotency-Key: <1 to 255 printable characters>`, a new one for each new intent"
        )
    place = (principal, request.method, request.url.path, key)
    body = await request.body()
    digest = hashlib.sha256(body).digest()
    if not await tx.fetchval(LOCK, "\0".join(("idempotency", tx.service, *place)).replace("\0", "|")):
        raise KeyInFlight("the first request with this key is still running", headers={"Retry-After": "1"})
    known = await tx.fetchrow(FIND, *place, clock.now() - KEPT)
    if known is not None:
        if bytes(known["request_hash"]) != digest:
            raise KeyReused("this key was used with another body; use a new key for a new intent")
        headers = {**known["headers"], "Idempotency-Replayed": "true"}
        return Response(bytes(known["body"]), known["status"], headers, "application/json")
    status, answer = await effect()
    encoded = orjson.dumps(answer)
    await tx.execute(KEEP, tenant_id, *place, digest, status, {}, encoded, clock.now())
    return Response(encoded, status, media_type="application/json")
