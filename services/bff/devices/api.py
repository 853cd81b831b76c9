"""HTTP in: the devices of a tenant, as their heartbeats told."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability, capabilities_of
from services.bff.admission import Admit
from services.bff.api import BASE, Allowed
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
    async def status(guest: Annotated[Guest, Depends(reader)], asked: Paged) -> dict[str, Any]:
        """Devices of the tenant that were ever heard of, by id; those of one's own properties for who manages none.

        `queue_depth` and `oldest_queued_at` tell what waits on the device, `behind` how many events it had not seen at its
        last heartbeat (null: more than is remembered), `clock_offset` seconds that its clock is off, `is_present` whether
        it was heard of within three heartbeats, in an open session.
        """
        shown = properties_seen(guest)
        scope = {"list": "devices_status", "tenant_id": str(guest.tenant_id), "properties": shown}
        page = page_tokens.open(asked, scope, "device_id")
        async with database.reading(guest.tenant_id) as tx:
            found = await rows(
                queries.devices_seen(
                    tx,
                    tenant_id=guest.tenant_id,
                    properties=shown,
                    present_since=clock.now() - MISSED * interval,
                    after=page.after["device_id"],
                    most=page.most,
                )
            )
        return page.answer("devices", [{**row, "device_id": str(row["device_id"])} for row in found])

    return routes


def properties_seen(guest: Guest) -> list[str] | None:
    """None: all of them."""
    if Capability.DEVICE_MANAGE in capabilities_of(guest.claims, guest.tenant_id):
        return None
    return sorted(guest.scope.properties)
