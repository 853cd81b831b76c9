"""HTTP in: sessions, heartbeats, bootstrap, and the way through to sync."""

import base64
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from chassis.fields import Number, Whole
from chassis.idempotency import Keyed, once
from chassis.outgoing import http_client
from chassis.service_tokens import ServiceTokens
from chassis.switches import Switches
from chassis.telemetry import inject
from services.bff import sessions
from services.bff.door import Door, Guest, Knock
from services.bff.projector import queries
from services.bff.settings import Settings

BASE = "/bff/backoffice/v1"
STREAM_PATH = f"{BASE}/sse/stream"
SyncVerb = Literal["handshake", "pull", "push"]


class SyncUnavailable(Transient):
    """Sync did not answer."""


class Body(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class SessionIn(Body):
    """What the desktop is, and where it stands."""

    app_version: Annotated[str, Field(min_length=1, max_length=50)]
    os: Annotated[str, Field(min_length=1, max_length=100)]
    property: Annotated[str, Field(min_length=1, max_length=200)]


class HeartbeatIn(Body):
    """State of the desktop: queue depth, age of the oldest queued action in seconds, clock offset in seconds, cursor."""

    app_version: Annotated[str, Field(max_length=50)]
    queue_depth: Annotated[Whole, Field(ge=0)] = 0
    oldest_queued: Annotated[Number, Field(ge=0)] | None = None
    clock_offset: Number = 0
    cursor: Annotated[str, Field(max_length=100)] | None = None


class Admit:
    """FastAPI dependency: who came through the door."""

    security_scheme = "dpop"

    def __init__(self, door: Door, public_origin: str) -> None:
        self._door = door
        self._origin = public_origin

    async def __call__(self, request: Request, response: Response) -> Guest:
        guest = await self._door.admit(
            Knock(
                request.method,
                f"{self._origin}{request.url.path}",
                request.headers.get("authorization", ""),
                request.headers.getlist("dpop"),
            )
        )
        response.headers["DPoP-Nonce"] = self._door.nonce()
        return guest


def router(  # a list of small routes
    database: Database,
    door: Door,
    clock: Clock,
    settings: Settings,
    tokens: ServiceTokens,
    switches: Switches,
    cursor: Callable[[], str],
) -> APIRouter:
    """`cursor` tells where the feed stands, or raises a Transient."""
    routes = APIRouter(prefix=BASE, tags=["backoffice"])
    sync = http_client(base_url=settings.sync_url, auth=tokens.auth("sync"), timeout=20.0)

    admit = Admit(door, settings.public_origin)
    Admitted = Annotated[Guest, Depends(admit)]  # noqa: N806  # a type that holds the closure

    @routes.post("/sessions", status_code=201)
    async def open_session(body: SessionIn, request: Request, guest: Admitted, key: Keyed) -> Response:
        """Begin work at one property; an open session of this device is replaced. Tells where its stream is."""
        async with database.transaction(guest.tenant_id) as tx:

            async def effect() -> tuple[int, Any]:
                session_id, expires_at = await sessions.open_session(
                    tx, guest, body, clock.now(), settings.session_seconds
                )
                return 201, {
                    "session_id": str(session_id),
                    "expires_at": expires_at,
                    "stream_url": f"{settings.stream_origin}{STREAM_PATH}",
                    "heartbeat_seconds": settings.heartbeat_seconds,
                    "features": switches.features(guest.tenant_id),
                    "floors": switches.floors(guest.tenant_id),
                    "flags_rev": switches.revision(guest.tenant_id),
                }

            answer = await once(request, tx, clock, str(guest.device_id), guest.tenant_id, effect)
        answer.headers["DPoP-Nonce"] = door.nonce()
        return answer

    @routes.delete("/sessions/{session_id}", status_code=204)
    async def close_session(session_id: UUID, guest: Admitted) -> None:
        """End the session of this device; 404 for one that has ended."""
        async with database.transaction(guest.tenant_id) as tx:
            await sessions.close_session(tx, guest, session_id, clock.now())

    @routes.post("/sessions/{session_id}/heartbeat")
    async def heartbeat(session_id: UUID, body: HeartbeatIn, guest: Admitted) -> dict[str, Any]:
        """Keep the session open and tell how the desktop is; `next` is in how many seconds to do it again."""
        async with database.transaction(guest.tenant_id) as tx:
            expires_at = await sessions.beat(tx, guest, session_id, body.model_dump(mode="json"), clock.now())
        return {
            "expires_at": expires_at,
            "features": switches.features(guest.tenant_id),
            "floors": switches.floors(guest.tenant_id),
            "flags_rev": switches.revision(guest.tenant_id),
            "next": settings.heartbeat_seconds,
        }

    @routes.get("/bootstrap")
    async def bootstrap(guest: Admitted) -> dict[str, Any]:
        """All that the first screen needs, and the cursor of the feed from which the stream goes on without a hole."""
        at = cursor()  # before the tables are read, so that nothing falls between them and the stream
        async with database.reading(guest.tenant_id) as tx:
            session = await queries.session_in_use(tx, tenant_id=guest.tenant_id, device_id=guest.device_id)
            status = await queries.tenant_status(tx, tenant_id=guest.tenant_id)
        return {
            "cursor": at,
            "tenant": {"tenant_id": guest.tenant_id, "status": status, "plan": guest.claims.plan},
            "member": {
                "member_id": guest.member_id,
                "properties": sorted(guest.scope.properties),
                "backoffice_roles": sorted(guest.scope.backoffice_roles),
            },
            "device_id": guest.device_id,
            "session": dict(session) if session else None,
            "entitlements": sorted(guest.claims.products),
        }

    @routes.post("/sync/{verb}")
    async def forward(verb: SyncVerb, request: Request, guest: Admitted) -> Response:
        """Hand a step of replication through to sync, as this member on this device; sync's answer comes back as it is."""
        headers = {"content-type": "application/json", "Tenantry-Principal": principal_of(guest)}
        traceparent, _ = inject()
        if traceparent is not None:
            headers["traceparent"] = traceparent
        try:
            answer = await sync.post(f"/sync/v1/{verb}", content=await request.body(), headers=headers)
        except httpx.HTTPError as error:
            raise SyncUnavailable(f"sync cannot be reached: {error!r}") from error
        kept = {
            name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers
        }
        return Response(answer.content, answer.status_code, {**kept, "DPoP-Nonce": door.nonce()})

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
