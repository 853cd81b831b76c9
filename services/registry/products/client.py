"""Calls products as the product contract says: outside of transactions, for a limited time, reading limited answers."""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import httpx
from pydantic import ValidationError

from chassis.errors import Transient
from chassis.outgoing import http_client
from chassis.service_tokens import ServiceTokens
from chassis.telemetry import inject
from contracts.products import (
    ActionAsked,
    ActionDone,
    Answer,
    ErasureStatement,
    Export,
    ProductHealth,
    ResetDone,
    UsageTotals,
)
from services.registry.catalogue.manifest import Manifest
from services.registry.errors import ProductNotConnected

MOST_BYTES = 4_194_304
A = TypeVar("A", bound=Answer)


class ProductError(Transient):
    """The product did not do what it was asked, or did not say so; see the three below."""


class ProductUnreachable(ProductError):
    """Nothing was done: no connection came about, or the product itself says that it cannot work now (503)."""


class ProductRefused(ProductError):
    """Nothing was done: the product says no (4xx)."""


class ProductUnclear(ProductError):
    """Whether anything was done is not known: no answer in time, an error of its own, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Product:
    """Whom to call, and where."""

    key: str
    api_base: str


def connected(manifest: Manifest) -> Product:
    """Raises ProductNotConnected."""
    if manifest.api_base is None:
        raise ProductNotConnected(f"the manifest of {manifest.key} names no api_base")
    return Product(manifest.key, manifest.api_base.rstrip("/"))


class ProductClient:
    """All calls raise ProductError, and TokenUnavailable where the issuer gives no token: then nothing was sent."""

    def __init__(self, tokens: ServiceTokens, *, seconds: float, most_bytes: int = MOST_BYTES) -> None:
        self._tokens = tokens
        self._seconds = seconds
        self._most = most_bytes
        # No redirects, no cookies, nothing compressed: what arrives is what was sent, up to the limit.
        self._http = http_client(timeout=seconds, headers={"Accept-Encoding": "identity"})

    async def close(self) -> None:
        await self._http.aclose()

    async def health(self, product: Product) -> ProductHealth:
        return await self._call(product, "GET", "/health", ProductHealth)

    async def usage(self, product: Product, tenant_id: UUID) -> dict[str, int]:
        """What one tenant used since it came, by metric."""
        asked = {"tenant_id": str(tenant_id)}
        said = await self._call(product, "GET", "/v1/usage", UsageTotals, params=asked)
        if any(one.tenant_id != tenant_id for one in said.tenants) or len(said.tenants) > 1:
            raise ProductUnclear(f"{product.key} answered for other tenants than {tenant_id}")
        return said.tenants[0].metrics if said.tenants else {}

    async def export(self, product: Product, tenant_id: UUID) -> Export:
        said = await self._call(product, "POST", f"/v1/tenants/{tenant_id}/export", Export)
        check_tenant(product, tenant_id, said)
        return said

    async def erase(self, product: Product, tenant_id: UUID) -> ErasureStatement:
        """Again with nothing new to erase: the same statement."""
        said = await self._call(product, "DELETE", f"/v1/tenants/{tenant_id}/data", ErasureStatement)
        check_tenant(product, tenant_id, said)
        return said

    async def reset_demo(self, product: Product) -> ResetDone:
        """The demo tenant holds the product's fixtures again; answers their counts and checksum."""
        return await self._call(product, "POST", "/v1/tenants/demo/reset", ResetDone)

    async def reset_probe(self, product: Product) -> ResetDone:
        """The same in the probe tenant, which is nobody's."""
        return await self._call(product, "POST", "/v1/tenants/probe/reset", ResetDone)

    async def act(
        self, product: Product, tenant_id: UUID, action: str, action_id: UUID, requested_by: str
    ) -> ActionDone:
        """The same `action_id` acts once."""
        asked = ActionAsked(action_id=action_id, requested_by=requested_by).model_dump(mode="json")
        path = f"/v1/tenants/{tenant_id}/actions/{action}"
        said = await self._call(product, "POST", path, ActionDone, json=asked)
        if said.action_id != action_id:
            raise ProductUnclear(f"{product.key} answered for another action")
        return said

    async def status_for(self, product: Product, path: str, token: str | None) -> int:
        """The status that a caller with this token (none at all) gets."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        status, _ = await self._answer(product, "GET", path, headers=headers)
        return status

    async def _call(self, product: Product, method: str, path: str, model: type[A], **asked: Any) -> A:
        status, body = await self._answer(
            product, method, path, auth=self._tokens.auth(product.key), headers=trace(), **asked
        )
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            raise ProductUnreachable(f"{product.key} answered 503")
        if 400 <= status < 500:
            raise ProductRefused(f"{product.key} refused: {status}")
        if not 200 <= status < 300:
            raise ProductUnclear(f"{product.key} answered {status}")
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            places = ", ".join("/".join(map(str, fault["loc"])) or "the body" for fault in error.errors()[:5])
            raise ProductUnclear(f"{product.key}: {model.__name__} cannot be read: {places}") from error

    async def _answer(self, product: Product, method: str, path: str, **asked: Any) -> tuple[int, bytes]:
        """(status, body). The limit of time holds for all of it, so that no trickle keeps anybody waiting."""
        url = f"{product.api_base}{path}"
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._http.stream(method, url, **asked) as answer,
            ):
                body = bytearray()
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > self._most:
                        raise ProductUnclear(f"{product.key} answered more than {self._most} bytes")
                return answer.status_code, bytes(body)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.InvalidURL,
            httpx.UnsupportedProtocol,
        ) as error:
            raise ProductUnreachable(f"{product.key} cannot be reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise ProductUnclear(f"{product.key} gave no answer within {self._seconds:g} s") from error
        except httpx.HTTPError as error:
            raise ProductUnclear(f"{product.key} broke off: {type(error).__name__}") from error


def check_tenant(product: Product, tenant_id: UUID, said: Export | ErasureStatement) -> None:
    """Raises ProductUnclear."""
    if (said.product, said.tenant_id) != (product.key, tenant_id):
        raise ProductUnclear(f"{product.key} answered for {said.product} and the tenant {said.tenant_id}")


def trace() -> dict[str, str]:
    traceparent, _ = inject()
    return {"traceparent": traceparent} if traceparent else {}
