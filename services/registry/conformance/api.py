"""HTTP in, for operators: does a product keep the contract, and look again now."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database
from chassis.guards import needs
from chassis.idempotency import Keyed, is_replayed, once
from chassis.ids import uuid7
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Key
from services.registry.conformance import operations as conformance
from services.registry.conformance.operations import Claim
from services.registry.conformance.prober import Prober


def router(database: Database, authenticate: Authenticate, clock: Clock, prober: Prober) -> APIRouter:
    routes = APIRouter(prefix="/v1/products/{key}/conformance", tags=["conformance"])
    reader = needs(authenticate, Capability.PLATFORM_CATALOGUE_READ)
    manager = needs(authenticate, Capability.PLATFORM_CATALOGUE_MANAGE)

    async def shown(key: str) -> dict[str, Any]:
        async with database.reading(None) as tx:
            return await conformance.show(tx, key, clock.now())

    @routes.get("")
    async def show(key: Key, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """The verdict in force, every check that it stands on, and the probes before it."""
        return await shown(key)

    @routes.post("", responses={202: {"description": "A probe is running"}})
    async def run(
        key: Key, request: Request, claims: Annotated[Claims, manager], idempotency: Keyed
    ) -> Response:
        """Probe the product now. The same key probes once; while that runs the answer is 202."""
        held: list[Claim] = []
        async with database.transaction(None) as tx:

            async def effect() -> tuple[int, Any]:
                held.append(await conformance.claim(tx, key, uuid7(), clock.now()))
                return 202, {"check_id": str(held[0].check_id)}

            begun = await once(request, tx, clock, claims.sub, None, effect)
        if held:
            await prober.probe(held[0])
        found = await shown(key)
        headers = {"Idempotency-Replayed": "true"} if is_replayed(begun) else None
        return Response(orjson.dumps(found), 202 if found["is_running"] else 200, headers, "application/json")

    return routes
