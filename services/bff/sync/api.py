"""HTTP in: steps of replication, handed through as the member on its device."""

import base64
from typing import Annotated, Literal

import httpx
import orjson
from fastapi import APIRouter, Depends, Request, Response

from chassis.errors import Transient
from chassis.telemetry import inject
from services.bff.admission import Admit
from services.bff.api import BASE
from services.bff.door import Guest
from services.bff.mutations import Mutations

SyncVerb = Literal["handshake", "pull", "push"]
PASSED_BACK = ("content-type", "retry-after")


class SyncUnavailable(Transient):
    """Sync did not answer."""


def router(mutations: Mutations, admit: Admit, sync: httpx.AsyncClient) -> APIRouter:
    """`sync` reaches the service sync and proves that it is we who speak."""
    routes = APIRouter(prefix=f"{BASE}/sync", tags=["sync"])

    @routes.post("/{verb}")
    async def forward(verb: SyncVerb, request: Request, guest: Annotated[Guest, Depends(admit)]) -> Response:
        """Hand a step of replication through to sync, as this member on this device; sync's answer comes back as it is."""
        headers = {"content-type": "application/json", "Tenantry-Principal": principal_of(guest)}
        async with mutations.by(guest):
            pass  # the effect is sync's, which takes an action once; here the proof is used up
        traceparent, _ = inject()
        if traceparent is not None:
            headers["traceparent"] = traceparent
        try:
            answer = await sync.post(f"/sync/v1/{verb}", content=await request.body(), headers=headers)
        except httpx.HTTPError as error:
            raise SyncUnavailable(f"sync cannot be reached: {error!r}") from error
        kept = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
        return Response(answer.content, answer.status_code, kept)

    return routes


def principal_of(guest: Guest) -> str:
    """For whom we speak to sync, which believes it because of our service token."""
    told = {
        "tenant_id": str(guest.tenant_id),
        "device_id": str(guest.device_id),
        "member_id": guest.member_id,
        "org_roles": sorted(guest.claims.org_roles),
        "backoffice_roles": sorted(guest.scope.backoffice_roles),
        "properties": sorted(guest.scope.properties),
    }
    return base64.urlsafe_b64encode(orjson.dumps(told)).rstrip(b"=").decode()
