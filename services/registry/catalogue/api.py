"""HTTP in: what can be bought."""

from typing import Annotated, Any

from fastapi import APIRouter

from chassis.auth import Authenticate
from chassis.db import Database, rows
from chassis.guards import needs
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.catalogue.store import queries


def router(database: Database, authenticate: Authenticate) -> APIRouter:
    """For everybody who is signed in."""
    routes = APIRouter(prefix="/v1/products", tags=["catalogue"])

    @routes.get("")
    async def products(
        claims: Annotated[Claims, needs(authenticate, Capability.CATALOGUE_READ)],
    ) -> dict[str, Any]:
        async with database.reading(None) as tx:
            return {"products": await rows(queries.all_products(tx))}

    return routes
