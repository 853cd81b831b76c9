"""HTTP in: what the routers of all nouns share: their place, the door before them, the form of their bodies."""

from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from chassis.errors import Forbidden
from chassis.switches import Switches
from contracts.capabilities import Capability, capabilities_of
from services.bff.admission import Admit
from services.bff.door import Guest

BASE = "/bff/backoffice/v1"
STREAM_PATH = f"{BASE}/sse/stream"


class Body(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Allowed:
    """FastAPI dependency: who came through the door and has a capability in its tenant. Raises Forbidden besides."""

    security_scheme = Admit.security_scheme

    def __init__(self, admit: Admit, capability: Capability) -> None:
        self._admit = admit
        self.capability = capability

    async def __call__(self, request: Request) -> Guest:
        guest = await self._admit(request)
        if self.capability not in capabilities_of(guest.claims, guest.tenant_id):
            raise Forbidden(
                f"this needs the capability {self.capability.value}", capability=self.capability.value
            )
        return guest


def in_force(switches: Switches, tenant_id: UUID) -> dict[str, Any]:
    """What is switched on for a tenant, its version floors, and a number that grows with both. Raises NotToldYet."""
    return {
        "features": switches.features(tenant_id),
        "floors": switches.floors(tenant_id),
        "flags_rev": switches.revision(tenant_id),
    }
