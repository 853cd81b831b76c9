"""Products behind one small interface: each puts its part of the demo tenant back and says what is there now."""

from typing import Protocol

from chassis.db import Database
from chassis.errors import Transient
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.demo.model import Restored
from services.registry.errors import ProductNotConnected
from services.registry.products.client import ProductClient, ProductError, connected


class ProductUnavailable(Transient):
    """The product did not answer in time, or with something that is no answer."""


class DemoProducts(Protocol):
    """`reset` may be called again, also while an earlier call is still running. Raises ProductUnavailable."""

    async def reset(self, key: str) -> Restored: ...


class HttpProducts:
    """Products at the `api_base` of their manifests."""

    def __init__(self, database: Database, client: ProductClient) -> None:
        self._database = database
        self._client = client

    async def reset(self, key: str) -> Restored:
        async with self._database.platform_reading() as tx:
            row = await catalogue.product_by_key(tx, key=key)
        if row is None:
            raise ProductUnavailable(f"{key} is not in the catalogue")
        try:
            said = await self._client.reset_demo(connected(manifest_of(row)))
        except (ProductError, ProductNotConnected) as error:
            raise ProductUnavailable(str(error)) from error
        return Restored(said.counts, said.checksum)
