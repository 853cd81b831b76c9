"""HTTP in: desk sessions and their heartbeats."""

import random
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from chassis.clock import Clock
from chassis.fields import Number, Whole
from chassis.idempotency import Keyed, once
from chassis.switches import Switches
from services.bff.admission import Admit
from services.bff.api import BASE, STREAM_PATH, Body, in_force
from services.bff.door import Guest
from services.bff.mutations import Mutations
from services.bff.sessions import operations as sessions
from services.bff.sessions.model import Session
from services.bff.settings import Settings

TEN_YEARS = 315_360_000
OPENING_RISK = 1
"""A tenant whose threshold is 1 or 0 wants a fresh second factor at the beginning of a shift."""
SYNC_PAUSE = "sync_handshake_paused"

Version = Annotated[str, Field(min_length=1, max_length=50)]
Behind = Callable[[Guest, str | None], int | None]


class SessionIn(Body):
    """What the desktop is, and where it stands."""

    app_version: Version
    os: Annotated[str, Field(min_length=1, max_length=100)]
    property: Annotated[str, Field(min_length=1, max_length=200)]


class HeartbeatIn(Body):
    """State of the desktop: actions that wait, age of the oldest and clock offset in seconds, cursor of the feed."""

    app_version: Version
    queue_depth: Annotated[Whole, Field(ge=0, le=10**9)] = 0
    oldest_queued: Annotated[Number, Field(ge=0, le=TEN_YEARS)] | None = None
    clock_offset: Annotated[Number, Field(ge=-1e10, le=1e10)] = 0
    cursor: Annotated[str, Field(max_length=100)] | None = None


def router(
    mutations: Mutations, admit: Admit, clock: Clock, settings: Settings, switches: Switches, behind: Behind
) -> APIRouter:
    """`behind` tells how many events a guest with this cursor has not seen."""
    routes = APIRouter(prefix=f"{BASE}/sessions", tags=["sessions"])
    add_opening(routes, mutations, admit, clock, settings, switches)
    add_keeping(routes, mutations, admit, clock, settings, switches, behind)
    return routes


def add_opening(
    routes: APIRouter,
    mutations: Mutations,
    admit: Admit,
    clock: Clock,
    settings: Settings,
    switches: Switches,
) -> None:
    def opened(session: Session, guest: Guest) -> dict[str, Any]:
        return {
            "session_id": str(session.session_id),
            "expires_at": session.expires_at,
            "idle_seconds": settings.session_idle_seconds,
            "heartbeat_seconds": settings.heartbeat_seconds,
            "stream_url": f"{settings.stream_origin}{STREAM_PATH}?session={session.session_id}",
            "sync": {
                "scope": f"{guest.tenant_id}/{session.property}",
                "paused": switches.value(SYNC_PAUSE, guest.tenant_id),
            },
            **in_force(switches, guest.tenant_id),
        }

    @routes.post("", status_code=201)
    async def open_session(
        body: SessionIn,
        request: Request,
        guest: Annotated[Guest, admit.needing(risk=OPENING_RISK)],
        key: Keyed,
    ) -> Response:
        """Begin work at one property; an open session of this device is replaced. Tells where its stream is.

        `sync` names the scope to replicate. The session ends at `expires_at`, or when nothing was heard of it for
        `idle_seconds`.
        """
        async with mutations.by(guest) as tx:

            async def effect() -> tuple[int, Any]:
                session = await sessions.open_session(tx, guest, body, clock.now(), settings.limits)
                return 201, opened(session, guest)

            return await once(request, tx, clock, str(guest.device_id), guest.tenant_id, effect)


def add_keeping(
    routes: APIRouter,
    mutations: Mutations,
    admit: Admit,
    clock: Clock,
    settings: Settings,
    switches: Switches,
    behind: Behind,
) -> None:
    @routes.delete("/{session_id}", status_code=204)
    async def close_session(session_id: UUID, guest: Annotated[Guest, Depends(admit)]) -> None:
        """End the caller's session; 410 `BFF.SESSION_ENDED` for one that has ended, with the reason."""
        async with mutations.by(guest) as tx:
            await sessions.close(tx, guest, session_id, settings.limits, clock.now())

    @routes.post("/{session_id}/heartbeat")
    async def heartbeat(
        session_id: UUID, body: HeartbeatIn, guest: Annotated[Guest, Depends(admit)]
    ) -> dict[str, Any]:
        """Keep the session open and tell how the desktop is; `next_seconds` is in how many seconds to do it again.

        410 `BFF.SESSION_ENDED` says with its `reason` (closed, replaced, idle, expired, deactivated, revoked,
        tenant_disabled) that a new session is needed.
        """
        unseen = behind(guest, body.cursor)
        async with mutations.by(guest) as tx:
            session = await sessions.beat(tx, guest, session_id, body, unseen, settings.limits, clock.now())
        spread = random.uniform(0.9, 1.1)  # noqa: S311  # spreads heartbeats, no secret
        return {
            "expires_at": session.expires_at,
            "next_seconds": round(settings.heartbeat_seconds * spread, 1),
            **in_force(switches, guest.tenant_id),
        }
