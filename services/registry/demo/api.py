"""HTTP in, for sales and operators: when the demo tenant is put back, and holding that off."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database
from chassis.fields import Whole
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Body
from services.registry.demo import operations as demo


class LeaseIn(Body):
    """For how long a demo is expected to run."""

    minutes: Annotated[Whole, Field(ge=1, le=240)] = 240


def router(database: Database, authenticate: Authenticate, clock: Clock) -> APIRouter:
    """One lease at a time; whoever may show the demo tenant may extend or end it."""
    routes = APIRouter(prefix="/v1/demo", tags=["demo"])
    reader = needs(authenticate, Capability.PLATFORM_DEMO_READ)
    holder = needs(authenticate, Capability.PLATFORM_DEMO_LEASE)
    manager = needs(authenticate, Capability.PLATFORM_DEMO_MANAGE)

    @routes.get("")
    async def show(claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """When it is put back next, who holds that off, and how it went last time."""
        async with database.reading(None) as tx:
            return await demo.status(tx, clock.now())

    @routes.post("/lease", status_code=201)
    async def take(
        body: LeaseIn, request: Request, claims: Annotated[Claims, holder], key: Keyed
    ) -> Response:
        """Hold the reset off while a demo runs. Again: for longer, never beyond four hours from its first start."""
        async with database.transaction(None) as tx:

            async def effect() -> tuple[int, Any]:
                taken = await demo.lease(tx, claims.sub, timedelta(minutes=body.minutes), clock.now())
                return 201, {**taken, "lease_id": str(taken["lease_id"])}

            return await once(request, tx, clock, claims.sub, None, effect)

    @routes.delete("/lease", status_code=204)
    async def end(claims: Annotated[Claims, holder]) -> Response:
        """The demo is over; a reset that was held off happens at once."""
        async with database.transaction(None) as tx:
            await demo.release(tx, clock.now())
        return Response(status_code=204)

    @routes.post("/reset", status_code=202)
    async def reset(request: Request, claims: Annotated[Claims, manager], key: Keyed) -> Response:
        """Do not wait for the night: the next reset is due now, once no lease is in force."""
        async with database.transaction(None) as tx:

            async def effect() -> tuple[int, Any]:
                now = clock.now()
                await demo.ask_for_reset(tx, now)
                return 202, await demo.status(tx, now)

            return await once(request, tx, clock, claims.sub, None, effect)

    return routes
