"""HTTP in: what the caller may do, so that a page draws only what can be used."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from chassis.auth import Authenticate
from contracts.capabilities import Capability, capabilities_of
from contracts.claims import Claims


class CapabilitiesOut(BaseModel):
    """Capabilities in one tenant, or outside of any."""

    tenant_id: UUID | None
    capabilities: list[Capability]


def router(authenticate: Authenticate) -> APIRouter:
    """For everybody who is signed in."""
    routes = APIRouter(prefix="/v1/me", tags=["me"])

    @routes.get("/capabilities")
    async def capabilities(
        claims: Annotated[Claims, Depends(authenticate)], tenant_id: UUID | None = None
    ) -> CapabilitiesOut:
        """The caller's own tenant unless another is asked for; of a tenant that is not the caller's, nothing."""
        asked = tenant_id or claims.tenant_id
        return CapabilitiesOut(tenant_id=asked, capabilities=sorted(capabilities_of(claims, asked)))

    return routes
