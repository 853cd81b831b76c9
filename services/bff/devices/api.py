"""HTTP in: the devices of a tenant, as their heartbeats told."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.pages import DEFAULT_SIZE, MOST, PageTokens, link_next
from contracts.capabilities import Capability, capabilities_of
from services.bff.api import BASE, Admit, Allowed
from services.bff.devices.store import queries
from services.bff.door import Guest

MISSED = 3
"""So many heartbeats may be missed by a device that counts as present."""


def router(
    database: Database, admit: Admit, clock: Clock, page_tokens: PageTokens, interval: timedelta
) -> APIRouter:
    """`interval` is the mean time between two heartbeats."""
    routes = APIRouter(prefix=f"{BASE}/devices", tags=["devices"])
    reader = Allowed(admit, Capability.DEVICE_READ)

    @routes.get("/status")
    async def status(
        request: Request,
        response: Response,
        guest: Annotated[Guest, Depends(reader)],
        page_size: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT_SIZE,
        page_token: Annotated[str | None, Query(max_length=500)] = None,
    ) -> dict[str, Any]:
        """Devices of the tenant that were ever heard of, by id; those of one's own properties for who manages none.

        `queue_depth` and `oldest_queued_at` tell what waits on the device, `behind` how many events it had not seen at its
        last heartbeat (null: more than is remembered), `clock_offset` seconds that its clock is off, `is_present` whether
        it was heard of within three heartbeats, in an open session.
        """
        shown = properties_seen(guest)
        scope = {"list": "devices_status", "tenant_id": str(guest.tenant_id), "properties": shown}
        after = UUID(page_tokens.read(scope, page_token)[0]) if page_token else None
        async with database.reading(guest.tenant_id) as tx:
            found = await rows(
                queries.devices_seen(
                    tx,
                    tenant_id=guest.tenant_id,
                    properties=shown,
                    present_since=clock.now() - MISSED * interval,
                    after=after,
                    most=page_size + 1,
                )
            )
        listed = [{**row, "device_id": str(row["device_id"])} for row in found]
        page = page_tokens.page(listed, page_size, scope, ["device_id"])
        link_next(request, response, page.next_page_token)
        return {"devices": page.items, "next_page_token": page.next_page_token}

    return routes


def properties_seen(guest: Guest) -> list[str] | None:
    """None: all of them."""
    if Capability.DEVICE_MANAGE in capabilities_of(guest.claims, guest.tenant_id):
        return None
    return sorted(guest.scope.properties)
