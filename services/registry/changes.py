"""Changes over HTTP of what has a version."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.etags import etag_of
from chassis.idempotency import once


class Changes:
    """One change in one transaction, once per Idempotency-Key; its new state is answered, with its ETag."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def make(
        self,
        request: Request,
        principal: str,
        tenant_id: UUID | None,
        change: Callable[[Tx, datetime], Awaitable[Mapping[str, Any]]],
        *,
        status: int = 200,
        location: str | None = None,
    ) -> Response:
        """`change(tx, now)` locks, checks `If-Match`, changes, and answers what is shown, `row_version` among it."""
        headers = {} if location is None else {"Location": location}
        async with self._database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                found = await change(tx, self._clock.now())
                headers["ETag"] = etag_of(found["row_version"])
                return status, found

            return await once(request, tx, self._clock, principal, tenant_id, effect, headers)
