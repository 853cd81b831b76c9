"""HTTP in, for anybody who found a key: whoever holds it may end it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from chassis.buckets import Buckets
from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from services.registry.api_keys import operations as keys
from services.registry.api_keys import store
from services.registry.api_keys.format import is_well_formed
from services.registry.api_keys.peppers import Peppers
from services.registry.bodies import Body
from services.registry.errors import ApiKeyNotFound, TooManyReports

REPORTER = "leak-report"


class LeakIn(Body):
    """The key itself, as it was found."""

    key: Annotated[str, Field(min_length=1, max_length=500)]


def router(database: Database, clock: Clock, peppers: Peppers, buckets: Buckets) -> APIRouter:
    """The answer says nothing of whether there is such a key."""
    routes = APIRouter(prefix="/v1/api-keys", tags=["api-keys"])

    @routes.post("/report-leak", status_code=202)
    async def report(body: LeakIn) -> dict[str, str]:
        """Revokes the key if there is one. Reporting again changes nothing, so no Idempotency-Key is asked for."""
        if is_well_formed(body.key):
            now = clock.now()
            if not buckets.take(REPORTER, now.timestamp()):
                raise TooManyReports("too many reports at once; try again", headers={"Retry-After": "1"})
            set_actor(REPORTER, "system")
            await revoke_leaked(database, peppers.digests(body.key), now)
        return {"status": "received"}

    return routes


async def revoke_leaked(database: Database, digests: list[bytes], now: datetime) -> None:
    """In a transaction of the key's tenant; nothing where there is no such key, or none in use."""
    async with database.platform_reading() as reading:
        known = await store.known_key(reading, digests)
    if known is None or known.is_revoked:
        return
    async with database.transaction(known.tenant_id) as tx:
        try:
            row = await store.lock_key(tx, known.tenant_id, known.key_id)
        except ApiKeyNotFound:
            return  # its tenant was erased meanwhile
        if row["revoked_at"] is None:
            await keys.revoke(tx, row, "leaked", REPORTER, now)
