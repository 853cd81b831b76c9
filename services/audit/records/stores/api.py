"""HTTP in: what searches are answered from, and having it built anew."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.records.search.filters import SearchStore
from services.audit.records.search.store import queries


class StoreOut(BaseModel):
    """`tree_size` and `root_hash` are the checkpoint that the store was built from, null while it is being built.

    `documents` differing from `tree_size` means that somebody took some away or added some, or that it is being filled.
    """

    store: str
    tree_size: int | None
    root_hash: str | None
    documents: int
    signed_size: int
    """Of the log's latest checkpoint."""


def router(database: Database, authenticate: Authenticate, clock: Clock, store: SearchStore) -> APIRouter:
    """The search store of one tenant."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/audit/search-store", tags=["audit"])
    reader = needs(authenticate, Capability.AUDIT_READ, Capability.AUDIT_VERIFY)
    keeper = needs(authenticate, Capability.AUDIT_MANAGE)

    @routes.get("")
    async def standing(tenant_id: UUID, claims: Annotated[Claims, reader]) -> StoreOut:
        """From which checkpoint of the log searches are answered. A store that was built from another log is refused."""
        async with database.reading(tenant_id) as tx:
            found = await store.standing(tx, tenant_id)
            signed = await queries.signed_size(tx, tenant_id=tenant_id)
        return StoreOut(
            store=store.name,
            tree_size=found.size,
            root_hash=None if found.root is None else found.root.hex(),
            documents=found.documents,
            signed_size=signed["size"] if signed else 0,
        )

    @routes.post("/rebuild", status_code=202)
    async def rebuild(
        tenant_id: UUID, request: Request, claims: Annotated[Claims, keeper], key: Keyed
    ) -> Response:
        """Has the tenant's part of the store built anew from the log; searches are refused until it is there."""
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                await store.forget(tenant_id)
                return 202, {"store": store.name}

            headers = {"Location": f"/v1/tenants/{tenant_id}/audit/search-store"}
            return await once(request, tx, clock, claims.sub, tenant_id, effect, headers)

    return routes
