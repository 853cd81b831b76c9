"""HTTP in for who keeps the log of a tenant: a person is erased from it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.audit.keeping.holds.operations import refuse_when_held
from services.audit.records.personal.erasure import erase
from services.audit.records.personal.keys import Keys


class ErasureIn(BaseModel):
    """On what the erasure stands: the person's own request, or that the purpose has ended (GDPR article 17(1))."""

    model_config = ConfigDict(extra="forbid")

    legal_basis: Literal["request", "purpose_ended", "consent_withdrawn", "unlawful", "legal_obligation"]


class ErasureOut(BaseModel):
    """The key that is no more, and when; what it had sealed is told as `{"erased": …}` from now on."""

    key_id: UUID
    erased_at: str


def router(database: Database, authenticate: Authenticate, clock: Clock, keys: Keys) -> APIRouter:
    """Erasure in one tenant's log."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/audit/subjects", tags=["audit"])
    keeper = needs(authenticate, Capability.AUDIT_MANAGE)

    @routes.post("/{subject}/erasure", status_code=201, response_model=ErasureOut)
    async def erasure(
        tenant_id: UUID,
        subject: Annotated[str, Path(min_length=1, max_length=256)],
        body: ErasureIn,
        request: Request,
        claims: Annotated[Claims, keeper],
        key: Keyed,
    ) -> Response:
        """Destroys the key of a person's data; `subject` is the person's id. Every proof about the log stays valid.

        Refused while a legal hold covers the person. Records that come later are sealed with a new key.
        """
        async with database.transaction(tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                now = clock.now()
                await refuse_when_held(tx, tenant_id, subject, now)
                by = claims.act or claims.sub
                done = await erase(tx, keys, tenant_id, subject, body.legal_basis, by, now)
                return 201, {"key_id": str(done.key_id), "erased_at": done.erased_at.isoformat()}

            return await once(request, tx, clock, claims.sub, tenant_id, effect)

    return routes
