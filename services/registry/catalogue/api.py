"""HTTP in: what can be bought, and changing it."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.guards import needs
from chassis.idempotency import Keyed, once
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Key
from services.registry.catalogue import operations as catalogue
from services.registry.catalogue.manifest import Manifest
from services.registry.catalogue.store import queries
from services.registry.errors import ProductNotFound


def router(database: Database, authenticate: Authenticate, clock: Clock) -> APIRouter:
    """Reading for everybody who is signed in, changing for operators."""
    routes = APIRouter(prefix="/v1/products", tags=["catalogue"])
    reader = needs(authenticate, Capability.CATALOGUE_READ)
    manager = needs(authenticate, Capability.PLATFORM_CATALOGUE_MANAGE)

    @routes.get("")
    async def products(claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """The whole catalogue, each product with the manifest in force."""
        async with database.reading(None) as tx:
            return {"products": await rows(queries.all_products(tx))}

    @routes.get("/{key}")
    async def product(key: Key, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """The manifest in force, with the versions before it."""
        async with database.reading(None) as tx:
            row = await queries.product_by_key(tx, key=key)
            if row is None:
                raise ProductNotFound(f"the catalogue has no product {key!r}")
            return {**dict(row), "versions": await rows(queries.versions_of(tx, key=key))}

    @routes.post("", status_code=201)
    async def publish(
        manifest: Manifest, request: Request, claims: Annotated[Claims, manager], idempotency: Keyed
    ) -> Response:
        """A new product, or a higher version of one; what would break somebody needs a new major version."""
        async with database.transaction(None) as tx:

            async def effect() -> tuple[int, Any]:
                await catalogue.offer(tx, manifest, clock.now())
                return 201, {
                    "key": manifest.key,
                    "version": manifest.version,
                    "checksum": manifest.checksum,
                }

            return await once(request, tx, clock, claims.sub, None, effect)

    @routes.delete("/{key}", status_code=204)
    async def retire(key: Key, claims: Annotated[Claims, manager]) -> Response:
        """Nobody can buy it any more, and nobody is entitled to it. Retiring again changes nothing."""
        async with database.transaction(None) as tx:
            await catalogue.retire(tx, key)
        return Response(status_code=204)

    return routes
